// HostHAL
