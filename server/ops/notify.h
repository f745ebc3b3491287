/* notify.h - tells the service manager how we are (sd_notify(3) protocol: one datagram to $NOTIFY_SOCKET).
 *
 * Without that variable nothing happens. Thread: main. Twelve lines of our own spare a library in every process.
 */
#pragma once

void notify_manager(
	const char *state); /* "READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1" */
