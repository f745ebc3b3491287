/* warning.h - the message that tells people their mailbox is nearly full.
 *
 * Once per crossing: a delivery whose account held less than the threshold before and holds as much or more after it. As the
 * store counts under a lock, exactly one delivery crosses, however many arrive at once. It goes to the mailbox that crossed and,
 * if the account is another mailbox, to that one too. A warning is mail like any other: it never goes over the limit, and what
 * cannot be delivered is logged and forgotten.
 *
 * The template is a whole message without envelope: header lines, an empty line, text, with {mailbox} {account} {percent}
 * {used} {limit} {messages} {messages_limit} {hostname} {date}. Ours is used if the settings name none.
 *
 * Thread: a worker; may block.
 */
#pragma once
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/conf/conf.h"
#include "server/store/store.h"

/* After a successful delivery; cheap if nothing was crossed. */
void quota_warn(struct store *store, const struct name *mailbox, const struct charge *charge,
		const struct conf *conf, const struct log *log);
/* Is this a template we can use? For `winpopd --check` and reload: EC_USAGE names line and placeholder. */
enum ec quota_warning_check(const char *path, struct err *e);
