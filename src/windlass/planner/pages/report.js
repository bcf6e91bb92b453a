// Charts tell the values under the pointer, all charts of a scenario at the same time, and hide a line when its
// name is clicked. With the keyboard: focus a chart, then left and right.
const time = (s) => (s < 60 ? `${+s.toFixed(1)} s` : s < 3600
  ? `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")} min`
  : `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} h`);
const said = (value) => (value === null ? "–" : (+value.toPrecision(5)).toLocaleString("en-US", { maximumFractionDigits: 6 }));

function live(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector(".plot svg");
  const cursor = figure.querySelector(".cursor");
  const now = figure.querySelector(".now");
  const buttons = [...figure.querySelectorAll(".legend button")];
  let place = -1;
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
  const show = (at) => {
    if (!data.at.length) return;
    place = nearest(at);
    const x = data.left + ((data.right - data.left) * data.at[place]) / data.end;
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
  const hide = () => {
    place = -1;
    cursor.style.visibility = "hidden";
    now.textContent = "";
    for (const button of buttons) button.querySelector("b").textContent = "";
  };
  const chart = { show, hide };
  const together = () => charts.get(figure.closest("section"));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const share = (x - data.left) / (data.right - data.left);
    if (share >= 0 && share <= 1) for (const other of together()) other.show(share * data.end);
  });
  const leave = () => { for (const other of together()) other.hide(); };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !data.at.length) return;
    event.preventDefault();
    const next = Math.min(data.at.length - 1, Math.max(0, place + by));
    for (const other of together()) other.show(data.at[next]);
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(on));
      for (const part of svg.querySelectorAll(`[data-line="${button.dataset.line}"]`)) part.classList.toggle("off", !on);
    });
  }
  return chart;
}

const charts = new Map();
for (const figure of document.querySelectorAll("figure.chart")) {
  const section = figure.closest("section");
  if (!charts.has(section)) charts.set(section, []);
  charts.get(section).push(live(figure));
}
