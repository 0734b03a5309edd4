print("tally-sim")
