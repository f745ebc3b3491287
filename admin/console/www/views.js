/* views.js - which view shows which kind of place. */
import { checkView } from "./view_check.js";
import { computerView } from "./view_computer.js";
import { domainView } from "./view_domain.js";
import { historyView } from "./view_history.js";
import { mailboxView } from "./view_mailbox.js";
import { migrationView } from "./view_migration.js";
import { propertiesView } from "./view_properties.js";
import { quotasView } from "./view_quotas.js";
import { sessionsView } from "./view_sessions.js";
import { statisticsView } from "./view_statistics.js";

/**
 * @type {Record<string, (app: import("./app.js").App, place: import("./place.js").Place, signal: AbortSignal)
 *	=> Promise<import("./app.js").View>>}
 */
export const VIEWS = {
	computer: computerView,
	domain: domainView,
	mailbox: mailboxView,
	properties: propertiesView,
	statistics: statisticsView,
	sessions: sessionsView,
	quotas: quotasView,
	history: historyView,
	migration: migrationView,
	check: checkView,
};
