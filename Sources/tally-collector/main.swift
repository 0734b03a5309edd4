print("tally-collector")
