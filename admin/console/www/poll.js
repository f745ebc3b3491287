/* poll.js - asking again and again, only while somebody can see it and only when the answer before has come. */

/**
 * @param {() => Promise<void>} ask
 * @param {number} every milliseconds between an answer and the next question
 * @param {AbortSignal} signal ends it
 */
export function poll(ask, every, signal) {
	let timer = 0;

	async function turn() {
		clearTimeout(timer);
		if (signal.aborted || document.hidden) return;
		await ask();
		/* It may have been hidden and shown again meanwhile, and asked twice: one of the two goes on. */
		clearTimeout(timer);
		timer = setTimeout(turn, every);
	}

	document.addEventListener("visibilitychange", turn, { signal });
	signal.addEventListener("abort", () => clearTimeout(timer));
	turn();
}
