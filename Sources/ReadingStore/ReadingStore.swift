// ReadingStore
