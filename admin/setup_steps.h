/* setup_steps.h - the steps of setup_steps.c that have files of their own: users and services of this computer, and Postfix. */
#pragma once
#include "admin/setup.h"
#include "admin/setup_kept.h"

/* As whom the service will run; once its user is there. */
enum ec setup_owner(const struct setup *s, struct owner *out, struct err *e);
/* A program of this computer; the log has its line. */
enum ec setup_run(struct setup *s, const char *const argv[], struct err *e);

/* setup_users.c */
struct kept_user {
	bool user, group; /* made by us */
};
const char *setup_what_user(const struct setup *s);
enum ec setup_make_user(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_user(struct setup *s, void *kept, struct err *e);
const char *setup_what_console_user(const struct setup *s);
enum ec setup_make_console_user(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_console_user(struct setup *s, void *kept, struct err *e);
const char *setup_what_shadow(const struct setup *s);
enum ec setup_join_shadow(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_shadow(struct setup *s, void *kept, struct err *e);

/* setup_service.c */
#define SETUP_UNIT "winpopd.service"
#define SETUP_CONSOLE_UNIT "winpop-console.service"
struct kept_unit {
	bool enabled, active;
};
struct kept_unit setup_unit_now(const struct setup *s, const char *unit);
const char *setup_what_service(const struct setup *s);
enum ec setup_start_service(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_service(struct setup *s, void *kept, struct err *e);
const char *setup_what_console(const struct setup *s);
enum ec setup_start_console(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_console(struct setup *s, void *kept, struct err *e);

/* setup_postfix.c */
struct kept_postfix {
	struct kept_file main_cf, master_cf;
	const char *dir; /* that was made for the sockets; NULL: it was there */
};
const char *setup_what_postfix(const struct setup *s);
enum ec setup_apply_postfix(struct setup *s, void *kept, struct err *e);
enum ec setup_undo_postfix(struct setup *s, void *kept, struct err *e);
const char *setup_what_reload(const struct setup *s);
enum ec setup_reload_postfix(struct setup *s, void *kept, struct err *e);
/* Takes our settings out of Postfix again. *n: how many there were. */
enum ec setup_leave_postfix(struct setup *s, size_t *n, struct err *e);
/* Once the service has stopped: the directory of its sockets. */
void setup_leave_sockets(struct setup *s);
