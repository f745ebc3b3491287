/* ntlm.h - the SASL mechanism NTLM (Secure Password Authentication), in process.
 *
 * A plug-in for libsasl like any other, except that it lives here. It finds its attempt by
 * attempt_of, reads setup, facts, spa and account of it, and blames what went wrong on it. An attempt
 * with mechanism NTLM must have `spa` set, of another kind than SPA_OFF.
 */
#pragma once

/* After sasl_server_init, once per process. Returns libsasl's code. */
int ntlm_register(void);
