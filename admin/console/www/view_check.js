/* view_check.js - is what is counted what is there, and is the directory as it is needed? Of everything, of a domain or a mailbox. */
import { Refusal } from "./api.js";
import { button, el } from "./dom.js";
import { count } from "./format.js";
import { Job } from "./job.js";
import { problem, sentences } from "./notice.js";
import { fromList, pagedTable } from "./paged.js";
import { address, section } from "./parts.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {{command: string, empty: string, columns: import("./table.js").Column[]}} Kind */

/** @type {Kind} */
const COUNTS = {
	command: "check", empty: "Nothing is wrong.",
	columns: [
		{ title: "Of what", cell: (row) => address(row.what), sort: (row) => row.what },
		{ title: "Problem", cell: (row) => row.problem, sort: (row) => row.problem },
		{ title: "Detail", cell: (row) => row.detail },
		{ title: "Repaired", cell: (row) => row.repaired, sort: (row) => row.repaired },
	],
};

/** @type {Kind} */
const DIRECTORY = {
	command: "checkdirectory", empty: "Nothing was looked at.",
	columns: [
		{ title: "What", cell: (row) => row.what, sort: (row) => row.what },
		{ title: "Finding", cell: (row) => row.finding, sort: (row) => row.finding },
		{ title: "Remedy", cell: (row) => (row.remedy === "-" ? "" : row.remedy) },
	],
};

function totals(result) {
	if (result.mailboxes === undefined) return null;
	const { mailboxes, problems, repaired, not_checked: unsure } = result;
	return [`${count(mailboxes, "mailbox", "mailboxes")}, ${count(problems, "problem", "problems")}`,
		repaired > 0 && `${repaired} repaired`, unsure > 0 && `${unsure} could not be looked at`].filter(Boolean).join(", ");
}

/** @param {Kind} kind */
function reporter({ columns, empty }) {
	return async (title, result) => {
		const rows = (result.findings ?? []).map((row, index) => ({ ...row, key: String(index) }));
		const told = totals(result);
		return [
			result.error && problem(new Refusal(0, { error: result.error })),
			told && el("p", { role: "status" }, told),
			...sentences(result).map((words) => el("p", {}, words)),
			(rows.length > 0 || !result.error) && await pagedTable({
				caption: title, columns, empty, sorts: true, key: (row) => row.key,
				load: fromList(rows, { columns, text: () => "" }),
			}, {}),
		];
	};
}

/** One kind of check: its buttons, what they began, and what that found. @param {App} app @param {Kind} kind */
async function checking(app, kind, { title, text, args, actions, signal }) {
	const buttons = actions.map(({ label, switches, primary }) =>
		button(label, () => job.begin(label, kind.command, args, switches), { class: primary ? "primary" : null }));
	const job = new Job(app, { buttons, signal, report: reporter(kind) });
	await job.resume("What was found", ({ command, arguments: of }) => command === kind.command && of[0] === args[0]);
	return section(title, el("p", {}, text), el("div", { class: "buttons" }, buttons), job.place);
}

function counts(app, name, signal) {
	return checking(app, COUNTS, {
		title: "Counts", args: name ? [name] : [], signal,
		text: "Counts the mail of each mailbox and compares it with what quotas are judged by. Mail may come in meanwhile. "
			+ "Repair sets right what can be counted anew, and nothing else.",
		actions: [{ label: "Check", switches: {}, primary: true }, { label: "Check and repair", switches: { repair: true } }],
	});
}

function directory(app, signal) {
	return checking(app, DIRECTORY, {
		title: "The directory", args: [], signal,
		text: "Looks at every server that the settings name: its certificate, who the service is there, whether it sees people, the schema, "
			+ "and what it may change. Nothing is changed.",
		actions: [{ label: "Check the directory", switches: {} }],
	});
}

/** @type {typeof import("./views.js").VIEWS.check} */
export async function checkView(app, { name }, signal) {
	return {
		title: name ? `Check of ${name}` : "Check",
		nodes: [await counts(app, name, signal), !name && app.can(DIRECTORY.command) && await directory(app, signal)],
	};
}
