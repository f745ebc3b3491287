/* newest.js - one question at a time: while it is under way, what is wanted since waits, and of that only the newest is asked.
 *
 * The server works on a question to its end, whoever has gone meanwhile; so giving up old ones here would not spare it any. An old
 * answer is never shown, and an old failure is nobody's news.
 */
export class Newest {
	#wanted = 0;
	#running = null;

	/** @param {(isOld: () => boolean) => Promise<void>} work asks and shows; shows nothing once it is old */
	constructor(work) {
		this.work = work;
	}

	/** Until the newest has been done; throws what that one did. */
	run() {
		this.#wanted += 1;
		this.#running ??= this.#all();
		return this.#running;
	}

	async #all() {
		try {
			for (let at = 0; at !== this.#wanted;) {
				at = this.#wanted;
				await this.#one(() => at !== this.#wanted);
			}
		} finally {
			this.#running = null;
		}
	}

	async #one(isOld) {
		try {
			await this.work(isOld);
		} catch (error) {
			if (!isOld()) throw error;
		}
	}
}
