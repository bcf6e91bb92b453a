// Charts tell the values under the pointer, and hide a line when its name is clicked.
for (const figure of document.querySelectorAll("figure.chart")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg");
  const cursor = figure.querySelector(".cursor");
  const now = figure.querySelector(".now");
  const buttons = [...figure.querySelectorAll("button")];
  const time = (s) => (s < 60 ? `${+s.toFixed(1)} s` : s < 3600
    ? `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")} min`
    : `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} h`);
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
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const share = (x - data.left) / (data.right - data.left);
    if (share < 0 || share > 1 || !data.at.length) return;
    const place = nearest(share * data.end);
    const shown = data.left + ((data.right - data.left) * data.at[place]) / data.end;
    cursor.setAttribute("x1", shown);
    cursor.setAttribute("x2", shown);
    cursor.style.visibility = "visible";
    now.textContent = time(data.at[place]);
    buttons.forEach((button, number) => {
      const value = data.lines[number][place];
      button.querySelector("b").textContent = value === null ? "" : String(+value.toPrecision(5));
    });
  });
  svg.addEventListener("pointerleave", () => {
    cursor.style.visibility = "hidden";
    now.textContent = "";
    for (const button of buttons) button.querySelector("b").textContent = "";
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.classList.toggle("off");
      svg.querySelector(`[data-line="${button.dataset.line}"]`).classList.toggle("off");
    });
  }
}
