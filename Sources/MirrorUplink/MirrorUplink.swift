// MirrorUplink
