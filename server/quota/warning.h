/* warning.h - the message that tells people their mailbox is nearly full.
 *
 * Once per crossing: a delivery whose account held less than the threshold before and holds as much or more after it. As the
 * store counts under a lock, exactly one delivery crosses, however many arrive at once. It goes to the mailbox that crossed and,
 * if the account is another mailbox, to that one too. A warning is mail like any other: it never goes over the limit, and what
 * cannot be delivered is logged and forgotten.
 *
 * The template is a whole message without envelope: header lines, an empty line, text, with {mailbox} {account} {percent}
 * {used} {limit} {messages} {messages_limit} {hostname} {date} (template.h). Ours is used if the settings name none. What the
 * template does not say itself stands in front: From (postmaster of the mailbox's domain), To, Subject, Date, Message-ID,
 * Auto-Submitted (RFC 3834: nobody's holiday notice answers it), and that it is text in UTF-8.
 *
 * Thread: a worker; may block.
 */
#pragma once
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/quota/limits.h"
#include "server/store/store.h"

/* All lent. Catalog and limits tell whether the account is a mailbox, and whom that one's mail is charged to. */
struct quota_warner {
	struct store *store;
	struct catalog *catalog;
	struct limits *limits;
	const struct conf *conf;
	const struct log *log;
};
/* After a successful delivery; cheap if nothing was crossed. */
void quota_warn(const struct quota_warner *w, const struct name *mailbox,
		const struct charge *charge);
/* Is this a template we can use? For `winpopd --check` and reload: EC_USAGE names line and placeholder. "": ours. */
enum ec quota_warning_check(const char *path, struct err *e);
/* Did this delivery cross so many percent of one of its limits? Pure. */
bool quota_crossed(const struct charge *charge, unsigned percent);
