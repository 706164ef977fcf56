// Room: src/compare. What the page of `fletbridge compare --html` shows: tables and plots of the results that
// stand in it as JSON (docs/compare.md). Text from an app goes in as text, never as HTML.
"use strict";
(() => {
  const results = JSON.parse(document.getElementById("results").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // Told apart by people who see few colours, and on white as on black (after Okabe and Ito).
  const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const plots = [];

  function add(parent, tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    parent.append(element);
    return element;
  }

  function scale(unit, size) {
    if (unit === "bytes") return { by: 1 / 1048576, name: "MiB" };
    if (unit !== "ns") return { by: 1, name: "per second" };
    if (size < 1e6) return { by: 1e-3, name: "µs" };
    return size < 1e9 ? { by: 1e-6, name: "ms" } : { by: 1e-9, name: "s" };
  }

  function shown(value, unit) {
    if (value === null || value === undefined) return "–";
    const { by, name } = scale(unit, Math.abs(value));
    const scaled = value * by;
    const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
    return `${scaled.toFixed(digits)} ${name === "per second" ? "/s" : name}`;
  }

  function interval(ratio) {
    if (!ratio) return "–";
    return `${ratio.estimate.toFixed(3)} [${ratio.low.toFixed(3)}, ${ratio.high.toFixed(3)}]`;
  }

  function table(parent, workload) {
    const grid = add(add(parent, "div", undefined, "wide"), "table");
    const head = add(add(grid, "thead"), "tr");
    for (const title of ["", "n", "p50", "p90", "p99", "p99.9", "max", "ratio of p50 [95 %]", "verdict"]) add(head, "th", title);
    const body = add(grid, "tbody");
    workload.results.forEach((series, index) => {
      const row = add(body, "tr");
      add(row, "td", series.variant);
      add(row, "td", String(series.count));
      for (const [key, beyond] of [["p50", 0.5], ["p90", 0.1], ["p99", 0.01], ["p99_9", 0.001], ["max", 1]]) {
        const known = key === "p50" || series.count * beyond >= 1;
        add(row, "td", known ? shown(series[key], workload.unit) : "–");
      }
      add(row, "td", index === 0 ? "1" : interval(series.ratio));
      add(row, "td", index === 0 ? "(baseline)" : series.count ? series.text : "nothing was measured",
          index === 0 ? "" : series.verdict);
    });
  }

  // Values and shares: (value, share of all values up to it).
  function cumulated(histogram) {
    let total = 0;
    for (const [, count] of histogram) total += count;
    let sum = 0;
    return histogram.map(([value, count]) => [value, (sum += count) / total, count / total]);
  }

  function percentileCurve(workload, unit) {
    const traces = workload.results.filter((s) => s.count).map((series, index) => {
      const x = [], y = [];
      let before = 0;
      for (const [value, share] of cumulated(series.histogram)) {
        // 1 / (1 - p): 10 at 90 %, 100 at 99 %. The largest value stands at one in all.
        x.push(1 / Math.max(1 - before, 1 / series.count));
        y.push(value * unit.by);
        before = share;
      }
      return line(series.variant, index, { x, y, line: { shape: "hv" } });
    });
    return ["Percentiles", traces, {
      xaxis: { type: "log", title: "percentile", tickvals: [1, 2, 10, 100, 1000, 10000, 100000],
               ticktext: ["0", "50", "90", "99", "99.9", "99.99", "99.999"] },
      yaxis: { type: "log", title: unit.name },
    }];
  }

  function distribution(workload, unit) {
    const used = workload.results.filter((s) => s.count);
    const low = Math.min(...used.map((s) => s.histogram[0][0])), high = Math.max(...used.map((s) => s.p99));
    const bins = 60, from = Math.log(Math.max(low, 1)), width = (Math.log(Math.max(high, 2)) - from) / bins || 1;
    const traces = used.map((series, index) => {
      const shares = new Array(bins).fill(0);
      for (const [value, , share] of cumulated(series.histogram)) {
        const bin = Math.floor((Math.log(Math.max(value, 1)) - from) / width);
        if (bin >= 0 && bin < bins) shares[bin] += share * 100;
      }
      const x = shares.map((_, bin) => Math.exp(from + (bin + 0.5) * width) * unit.by);
      return line(series.variant, index, { x, y: shares, fill: "tozeroy", line: { shape: "hvh" }, opacity: 0.75 });
    });
    return ["Distribution, up to p99", traces, {
      xaxis: { type: "log", title: unit.name }, yaxis: { title: "% of the inputs", rangemode: "tozero" } }];
  }

  function timeline(workload, unit) {
    const traces = workload.results.filter((s) => s.count).map((series, index) => line(series.variant, index, {
      mode: "markers", x: series.blocks.map((b) => b.at_s), y: series.blocks.map((b) => b.p50 * unit.by) }));
    return ["Median of each block, over the run", traces, {
      xaxis: { title: "seconds since the begin" }, yaxis: { title: unit.name, rangemode: "tozero" } }];
  }

  // Bars with the values of all rounds beside them.
  function bars(workload, unit) {
    const used = workload.results.filter((s) => s.count);
    const traces = used.map((series, index) => ({
      type: "bar", name: series.variant, x: [series.variant], y: [series.p50 * unit.by],
      marker: { color: COLORS[index % COLORS.length], opacity: 0.75 } }));
    used.forEach((series) => traces.push({
      type: "scatter", mode: "markers", x: series.blocks.map(() => series.variant), y: series.blocks.map((b) => b.p50 * unit.by),
      marker: { color: "#888", size: 6, symbol: "line-ew-open" }, hoverinfo: "y" }));
    return ["Median, and each round", traces, { showlegend: false, xaxis: { type: "category" },
                                                yaxis: { title: unit.name, rangemode: "tozero" } }];
  }

  function line(name, index, rest) {
    const color = COLORS[index % COLORS.length];
    return { name, type: "scatter", mode: "lines", ...rest, marker: { color, size: 6, symbol: index },
             line: { color, width: 2, dash: DASHES[index % DASHES.length], ...rest.line } };
  }

  function plot(parent, [title, traces, layout]) {
    const element = add(parent, "div", undefined, "plot");
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", title);
    plots.push({ element, title, traces, layout });
  }

  function draw(light) {
    const text = light ? "#1a1c1e" : "#e6e8ea", grid = light ? "#e3e5e8" : "#34383c";
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true };
    for (const { element, title, traces, layout } of plots) {
      Plotly.react(element, traces, {
        ...layout, title: { text: title, font: { size: 14 }, x: 0.02, xanchor: "left" }, font: { color: text, family: "system-ui, sans-serif" },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 60, r: 15, t: 40, b: 45 },
        legend: { orientation: "h", y: -0.28 }, barmode: "group",
        modebar: { bgcolor: "rgba(0,0,0,0)", color: light ? "#8a8f94" : "#70767c", activecolor: text },
        xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
      }, { displaylogo: false, responsive: true });
    }
  }

  const header = document.querySelector("header");
  add(header, "p", results.app);
  const m = results.machine, known = results.variants.find((v) => v.flet);
  add(header, "p", `${results.started}, fletbridge ${results.version}` +
      (known ? `, Flet ${known.flet}, Python ${known.python}` : "") +
      `; ${m.processors} × ${m.processor}, ${m.kernel}, governor ${m.governor ?? "unknown"}; ` +
      `${results.rounds} round${results.rounds === 1 ? "" : "s"} in ${results.seconds.toFixed(0)} s, ended by ${results.stopped_by}; seed ${results.seed}.`, "soft");
  add(header, "p", `Ratios are to ${results.baseline}, of medians, with a 95 % interval from the rounds; below 1 is better. ` +
      `Less than ${(results.margin * 100).toFixed(0)} % is called no difference.`, "soft");
  if (!results.complete) add(header, "p", "These results are partial: the run was interrupted or lost a variant.", "note");
  for (const variant of results.variants) if (variant.problem) add(header, "p", `Left out: ${variant.problem}`, "note");
  for (const warning of results.warnings) add(header, "p", warning, "note");
  for (const choice of results.clicks ?? [])
    add(header, "p", choice.left_out ? `Never clicked: ${choice.control}: ${choice.left_out}` : `Clicked: ${choice.control}`, "note");

  const main = document.querySelector("main");
  for (const workload of results.workloads) {
    const section = add(main, "section");
    add(section, "h2", workload.name);
    add(section, "p", workload.title, "soft");
    table(section, workload);
    if (!workload.results.some((s) => s.count)) continue;
    const unit = scale(workload.unit, Math.max(...workload.results.map((s) => s.p50 ?? 0)));
    const grid = add(section, "div", undefined, "plots");
    // One value a round: nothing has a shape yet.
    const single = workload.results.every((s) => s.blocks.every((b) => b.histogram.length === 1 && b.histogram[0][1] === 1));
    if (single) {
      plot(grid, bars(workload, unit));
      plot(grid, timeline(workload, unit));
    } else {
      plot(grid, percentileCurve(workload, unit));
      plot(grid, distribution(workload, unit));
      plot(grid, timeline(workload, unit));
    }
  }

  draw(!dark.matches);
  dark.addEventListener("change", () => draw(!dark.matches));
  addEventListener("beforeprint", () => draw(true));
  addEventListener("afterprint", () => draw(!dark.matches));
  document.body.dataset.plots = String(plots.length);
})();
