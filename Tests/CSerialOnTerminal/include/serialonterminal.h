#pragma once
#include <stdint.h>
// Makes libserialport 0.1.1 accept a pseudo-terminal, in this process and only for the one that was
// named: it wants an entry in /sys/class/tty and modem lines, which no pseudo-terminal has.

/// Names the pseudo-terminal /dev/pts/`number` that shall pass for a real port; -1 ends it.
void serial_on_terminal(int32_t number);
/// RS-485 was switched on for that port since it was named.
int32_t serial_on_terminal_rs485(void);
