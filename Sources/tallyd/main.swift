// tallyd, the gateway agent.
print("tallyd")
