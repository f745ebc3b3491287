/* chart.js - a small line over the last minutes, drawn as SVG. The number beside it says how things are now. */
import { el, svg } from "./dom.js";

const POINTS = 60;
const WIDTH = 240;
const HEIGHT = 60;

export class Chart {
	#values = [];

	/** @param {string} title @param {(value: number) => string} format */
	constructor(title, format) {
		this.format = format;
		this.now = el("strong", {}, "-");
		this.most = el("span", { class: "most" });
		this.area = svg("polygon", { class: "area" });
		this.line = svg("polyline", { class: "line" });
		this.node = el("figure", { class: "chart" }, el("figcaption", {}, title), this.now,
			svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.line),
			this.most);
	}

	/** @param {number} value */
	push(value) {
		const before = this.#values.length > 0 ? this.#values : [value];
		this.#values = [...before, value].slice(-POINTS);
		const most = Math.max(...this.#values);
		const x = (index) => WIDTH - (this.#values.length - 1 - index) * (WIDTH / (POINTS - 1));
		const y = (height) => HEIGHT - 1 - (most > 0 ? (height / most) * (HEIGHT - 3) : 0);
		const points = this.#values.map((height, index) => `${x(index).toFixed(1)},${y(height).toFixed(1)}`);
		this.line.setAttribute("points", points.join(" "));
		this.area.setAttribute("points", [`${x(0).toFixed(1)},${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`].join(" "));
		this.now.textContent = this.format(value);
		this.most.textContent = `most: ${this.format(most)}`;
	}
}
