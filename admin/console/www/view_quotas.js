/* view_quotas.js - the quota accounts: those with a limit, or with more than one mailbox. */
import { refreshItem } from "./actions.js";
import { setQuota } from "./change.js";
import { number, size } from "./format.js";
import { fromList, pagedTable } from "./paged.js";
import { address, bar } from "./parts.js";

/** What is no number, because there is no limit or it could not be read, is less than any. */
const amount = (value) => (typeof value === "number" ? value : -1);

const COLUMNS = [
	{ title: "Account", cell: (row) => address(row.quota_account), sort: (row) => row.quota_account },
	{ title: "In use", cell: (row) => bar(row.percent), largestFirst: true, sort: (row) => amount(row.percent) },
	{ title: "Used", number: true, cell: (row) => size(row.used), largestFirst: true, sort: (row) => amount(row.used) },
	{ title: "Limit", number: true, cell: (row) => (row.limit === "-" ? "none" : size(row.limit)), largestFirst: true, sort: (row) => amount(row.limit) },
	{ title: "Messages", number: true, minor: true, cell: (row) => number(row.used_messages), largestFirst: true, sort: (row) => amount(row.used_messages) },
	{ title: "Mailboxes", number: true, minor: true, cell: (row) => number(row.mailboxes), largestFirst: true, sort: (row) => amount(row.mailboxes) },
];

/** @type {typeof import("./views.js").VIEWS.quotas} */
export async function quotasView(app) {
	const { quota_accounts: rows } = await app.ask("stat", [], { quota: true });
	const table = await pagedTable({
		caption: "Quota accounts", columns: COLUMNS, search: "Search accounts", sorts: true,
		empty: "No account has a limit, and none has more than one mailbox.",
		key: (row) => row.quota_account,
		items: (row) => [{ label: "Quota", run: () => setQuota(app, row.quota_account) }],
		load: fromList(rows, { columns: COLUMNS, text: (row) => row.quota_account }),
	}, app.state);
	return { title: "Quotas", items: [refreshItem(app)], nodes: [table] };
}
