// Charts tell the values under the pointer, all charts of a scenario at the same time; dragging over a part of
// one zooms all of them to it, a double click shows all again. A click on a name hides its line.
// With the keyboard: focus a chart, then left and right; + and - zoom in and out, Escape shows all.
const two = (value) => String(value).padStart(2, "0");
const time = (s) => {
  if (s < 60) return `${+s.toFixed(2)} s`;
  const tenths = Math.round(s * 10);
  const [minutes, rest, part] = [Math.floor(tenths / 600), Math.floor((tenths % 600) / 10), tenths % 10];
  if (minutes < 60) return `${minutes}:${two(rest)}${part ? `.${part}` : ""} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}${rest ? `:${two(rest)}` : ""} h`;
};
const said = (value) => (value === null ? "–" : (+value.toPrecision(5)).toLocaleString("en-US", { maximumFractionDigits: 6 }));
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
const NARROWEST = 0.01; // of all the time: no less is zoomed in to
const DRAGGED = 6; // units of the picture: less is a click

// The part of its time that a chart shows; `look` redraws it for the part between two times.
function view(svg, data) {
  const times = svg.querySelector(".times");
  const tick = times.querySelector(".tick");
  const paths = [...svg.querySelectorAll(".window path")].map((path) => [path, path.getAttribute("d")]);
  const marks = svg.querySelectorAll(".window .mark");
  const width = data.right - data.left;
  const shown = { from: 0, to: data.end };
  shown.xOf = (at) => data.left + (width * (at - shown.from)) / (shown.to - shown.from);
  shown.atOf = (x) => shown.from + ((shown.to - shown.from) * (x - data.left)) / width;
  const moved = (x) => shown.xOf((data.end * (x - data.left)) / width);
  const axis = () => {
    const span = shown.to - shown.from;
    const step = STEPS.find((one) => span / one <= 9) || span / 8;
    times.replaceChildren();
    for (let place = Math.ceil(shown.from / step - 1e-9); place * step <= shown.to + step * 1e-9; place++) {
      const text = tick.cloneNode();
      const x = shown.xOf(place * step);
      text.setAttribute("x", x.toFixed(1));
      text.setAttribute("text-anchor", x > data.right - 20 ? "end" : "middle");
      text.textContent = time(place * step);
      times.append(text);
    }
  };
  shown.look = (from, to) => {
    Object.assign(shown, { from, to });
    for (const [path, d] of paths) {
      path.setAttribute("d", d.replace(/([ML])([\d.]+) /g, (_, pen, x) => `${pen}${moved(+x).toFixed(1)} `));
    }
    for (const mark of marks) {
      const x = moved(+mark.dataset.x);
      mark.classList.toggle("off", x < data.left - 1 || x > data.right + 1);
      if (mark.tagName === "line") for (const end of ["x1", "x2"]) mark.setAttribute(end, x.toFixed(1));
      else {
        const late = x > 0.7 * svg.viewBox.baseVal.width;
        mark.setAttribute("x", (x + (late ? -4 : 4)).toFixed(1));
        mark.setAttribute("text-anchor", late ? "end" : "start");
      }
    }
    axis();
  };
  return shown;
}

function live(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector(".plot > svg");
  const cursor = figure.querySelector(".cursor");
  const chosen = figure.querySelector(".chosen");
  const now = figure.querySelector(".now");
  const whole = figure.querySelector(".whole");
  const buttons = [...figure.querySelectorAll(".legend button")];
  const shown = view(svg, data);
  let place = -1;
  let begun = null;
  const nearest = (at) => {
    let low = 0;
    let high = data.at.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.at[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low && at - data.at[low - 1] < data.at[low] - at ? low - 1 : low;
  };
  const hide = () => {
    place = -1;
    cursor.style.visibility = "hidden";
    now.textContent = "";
    for (const button of buttons) button.querySelector("b").textContent = "";
  };
  const show = (at) => {
    if (!data.at.length) return;
    const found = nearest(at);
    const x = shown.xOf(data.at[found]);
    if (x < data.left - 0.1 || x > data.right + 0.1) return hide();
    place = found;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.style.visibility = "visible";
    now.textContent = `at ${time(data.at[place])}`;
    buttons.forEach((button, number) => {
      const value = data.lines[number][place];
      const band = data.bands[number];
      const around = band && band[0][place] !== band[1][place] ? ` (${said(band[0][place])} to ${said(band[1][place])})` : "";
      button.querySelector("b").textContent = value === null ? "–" : said(value) + around;
    });
  };
  // null: all there is, each chart to its own end.
  const zoom = (part) => {
    hide();
    shown.look(...(part || [0, data.end]));
    whole.hidden = !part;
    figure.toggleAttribute("data-zoomed", Boolean(part));
  };
  const together = () => charts.get(figure.closest("section"));
  const all = () => { for (const other of together()) other.zoom(null); };
  const look = (from, to) => {
    const end = Math.max(...together().map((other) => other.end));
    const span = Math.max(to - from, end * NARROWEST);
    if (span >= end) return all();
    const begin = Math.min(Math.max(0, from), end - span);
    for (const other of together()) other.zoom([begin, begin + span]);
  };
  const xOf = (event) => {
    const box = svg.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  };
  const within = (x) => Math.min(data.right, Math.max(data.left, x));
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return; // a finger scrolls
    begun = within(xOf(event));
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const x = xOf(event);
    if (begun !== null) {
      const [left, right] = [Math.min(begun, within(x)), Math.max(begun, within(x))];
      chosen.setAttribute("x", left);
      chosen.setAttribute("width", right - left);
      chosen.style.visibility = right - left < DRAGGED ? "hidden" : "visible";
    }
    if (x < data.left || x > data.right) return;
    const at = shown.atOf(x);
    for (const other of together()) other.show(at);
  });
  const release = () => {
    begun = null;
    chosen.style.visibility = "hidden";
  };
  svg.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const ends = [begun, within(xOf(event))].sort((one, other) => one - other);
    release();
    if (ends[1] - ends[0] >= DRAGGED) look(...ends.map(shown.atOf));
  });
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("dblclick", all);
  whole.addEventListener("click", () => {
    all();
    svg.focus();
  });
  const leave = () => { for (const other of together()) other.hide(); };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  const zoomBy = (factor) => {
    const span = shown.to - shown.from;
    const middle = place < 0 ? shown.from + span / 2 : data.at[place];
    look(middle - (span * factor) / 2, middle + (span * factor) / 2);
    for (const other of together()) other.show(middle);
  };
  const step = (by) => {
    if (!data.at.length) return;
    const [first, last] = [shown.from, shown.to].map(nearest);
    const at = data.at[place < 0 ? first : Math.min(last, Math.max(first, place + by))];
    for (const other of together()) other.show(at);
  };
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), "+": () => zoomBy(0.5), "=": () => zoomBy(0.5),
    "-": () => zoomBy(2), Escape: () => { release(); all(); },
  };
  svg.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(on));
      for (const part of svg.querySelectorAll(`[data-line="${button.dataset.line}"]`)) part.classList.toggle("off", !on);
    });
  }
  return { show, hide, zoom, end: data.end };
}

const charts = new Map();
for (const figure of document.querySelectorAll("figure.chart")) {
  const section = figure.closest("section");
  if (!charts.has(section)) charts.set(section, []);
  charts.get(section).push(live(figure));
}
