/* view_statistics.js - what the service is doing now, and how much there is.
 *
 * The service counts since its start; rates are what was added between two answers. If it was started again in between, there is no
 * rate for that step.
 */
import { refreshItem } from "./actions.js";
import { el } from "./dom.js";
import { Chart } from "./chart.js";
import { duration, number, rate, size } from "./format.js";
import { properties, section } from "./parts.js";
import { poll } from "./poll.js";
import { problem } from "./notice.js";

const STATUS_MS = 3000;
const STORE_MS = 60000;

/** Events of the log that an administrator would want to hear of. */
const ERRORS = [
	"signin-failed", "connection-broken", "delivery-refused", "lookup-failed", "mailbox-trouble", "mailbox-unavailable",
	"message-unreadable", "mta-fault", "upkeep-trouble",
];

const RATES = [
	{ title: "Sign-ins", of: (status) => eventCount(status, ["signin"]) },
	{ title: "Deliveries", of: (status) => status.delivered },
	{ title: "Errors", of: (status) => eventCount(status, ERRORS) },
];

const FACTS = [
	["Version", (status) => status.version], ["Up for", (status) => duration(status.uptime)],
	["Authentication", (status) => status.authentication], ["Signed in", (status) => number(status.signed_in)],
	["Connections so far", (status) => number(status.sessions_total)], ["Connections held", (status) => number(status.held)],
	["Connections denied", (status) => number(status.denied)], ["Deliveries refused", (status) => number(status.refused)],
	["Waiting sign-ins", (status) => number(status.signin_queue)], ["Waiting for mailboxes", (status) => number(status.mailbox_queue)],
	["Waiting deliveries", (status) => number(status.deliver_queue)],
];

function eventCount(status, names) {
	return status.events.filter((row) => names.includes(row.event)).reduce((sum, row) => sum + row.count, 0);
}

/** Counters of two answers into what happened in a second. */
class Rates {
	constructor() {
		this.charts = RATES.map(({ title }) => new Chart(title, rate));
	}

	push(status) {
		const now = { at: performance.now(), pid: status.pid, counts: RATES.map(({ of }) => of(status)) };
		const { before } = this;
		this.before = now;
		if (!before || before.pid !== now.pid) return;
		const seconds = (now.at - before.at) / 1000;
		this.charts.forEach((chart, index) => chart.push(Math.max(0, now.counts[index] - before.counts[index]) / seconds));
	}
}

/** What failed is shown in its place and asked again; the charts before it stay. */
async function refreshed(place, work) {
	try {
		place.replaceChildren(await work());
	} catch (error) {
		if (error.name !== "AbortError") place.replaceChildren(problem(error));
	}
}

function storePart(totals) {
	return properties([
		["Domains", number(totals.domains)], ["Mailboxes", number(totals.mailboxes)], ["Messages", number(totals.messages)],
		["Disk use", size(totals.disk_use)], ["Accounts near their limit", number(totals.accounts_near_limit)],
		["Accounts that are full", number(totals.accounts_full)],
	]);
}

/** @type {typeof import("./views.js").VIEWS.statistics} */
export async function statisticsView(app, _, signal) {
	const quiet = { quiet: true, signal };
	const connections = new Chart("Connections", number);
	const disk = new Chart("Disk", size);
	const rates = new Rates();
	const facts = el("div");
	const store = el("div", {}, "counting");

	poll(() => refreshed(facts, async () => {
		const status = await app.api.run("status", [], {}, quiet);
		connections.push(status.sessions);
		rates.push(status);
		return properties(FACTS.map(([name, of]) => [name, of(status)]));
	}), STATUS_MS, signal);
	poll(() => refreshed(store, async () => {
		const totals = await app.api.run("stat", [], {}, quiet);
		disk.push(totals.disk_use);
		return storePart(totals);
	}), STORE_MS, signal);
	return {
		title: "Statistics", items: [refreshItem(app)],
		nodes: [
			el("div", { class: "charts" }, [connections, ...rates.charts, disk].map((chart) => chart.node)),
			section("The service", facts), section("The mail store", store),
		],
	};
}
