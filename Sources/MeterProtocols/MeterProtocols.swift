// MeterProtocols
