// Room: src/compare. What the page of `fletbridge compare --html` shows: sentences, intervals, tables and distributions of
// the results that stand in it as JSON (docs/compare.md). Text from an app goes in as text, never as HTML.
"use strict";
(() => {
  const results = JSON.parse(document.getElementById("results").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // Told apart by people who see few colours, and on white as on black (after Okabe and Ito).
  const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const color = (index) => COLORS[index % COLORS.length];
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

  // Of an axis: no more digits than it needs.
  function tick(value, unit) {
    if (unit === "ratio") return String(Number(value.toPrecision(3)));
    const { by, name } = scale(unit, Math.abs(value));
    return `${Number((value * by).toPrecision(3))} ${name === "per second" ? "/s" : name}`;
  }

  function interval(ratio) {
    if (!ratio) return "–";
    return `${ratio.estimate.toFixed(3)} [${ratio.low.toFixed(3)}, ${ratio.high.toFixed(3)}]`;
  }

  // An axis for values from low to high: 1, 2 and 5 of each power of ten where they lie far apart.
  function axisOf(low, high, unit, wide) {
    if (unit === "bytes") {
      const { at, ticks } = axisOf(low / 1048576, high / 1048576, "MiB", wide);
      return { at: (v) => at(v / 1048576), ticks: ticks.map((v) => v * 1048576), unit };
    }
    const logarithmic = low > 0 && high / low > 4;
    const step = (high - low || 1) / wide;
    const power = 10 ** Math.floor(Math.log10(step));
    const by = [1, 2, 5, 10].find((n) => n * power >= step) * power;
    if (!logarithmic) {
      // Not from 0: what differs is to be seen. The labels say where it begins.
      const from = Math.max(0, Math.floor(low / by - 0.3) * by), to = Math.ceil(high / by + 0.3) * by;
      const ticks = [];
      for (let at = Math.ceil(from / by - 1e-9) * by; at <= to + by / 1e6; at += by) ticks.push(at);
      return { at: (v) => 100 * (v - from) / (to - from), ticks, unit };
    }
    const from = Math.log(low) - 0.1, to = Math.log(high) + 0.1;
    let ticks = [];
    const digits = high / low < 10 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5];
    for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); ++exponent)
      for (const digit of digits) ticks.push(digit * 10 ** exponent);
    const inside = (v) => Math.log(v) >= from && Math.log(v) <= to;
    ticks = ticks.filter(inside);
    if (ticks.length > wide + 2) ticks = ticks.filter((v) => /^1e/.test(v.toExponential()));
    return { at: (v) => 100 * (Math.log(Math.max(v, Number.MIN_VALUE)) - from) / (to - from), ticks, unit };
  }

  // Rows under one another on one axis; marks are placed in per cent, so it fits any width and prints.
  function chart(parent, title, axis, rows, one) {
    add(parent, "h3", title);
    const grid = add(parent, "div", undefined, "rows");
    for (const row of rows) {
      if (row.group !== undefined) {
        add(grid, "div", row.group, "group");
        continue;
      }
      add(grid, "div", row.name, "name");
      add(grid, "div", row.text ?? "", `value ${row.verdict ?? ""}`);
      const track = add(grid, "div", undefined, "track");
      track.setAttribute("role", "img");
      track.setAttribute("aria-label", `${row.name}: ${row.text ?? ""}`);
      for (const at of axis.ticks) add(track, "i", undefined, "grid").style.left = `${axis.at(at)}%`;
      if (one !== undefined) add(track, "i", undefined, "one").style.left = `${axis.at(one)}%`;
      for (const { kind, from, to, paint, tip } of row.marks) {
        const left = Math.min(100, Math.max(0, axis.at(from))), right = Math.min(100, Math.max(0, axis.at(to ?? from)));
        const mark = add(track, "i", undefined, kind);
        mark.style.left = `${left}%`;
        if (to !== undefined) mark.style.width = `${right - left}%`;
        mark.style.color = paint ?? row.color;
        if (kind === "phase") mark.style.background = paint;
        if (tip) mark.title = tip;
      }
    }
    const scaleRow = add(grid, "div", undefined, axis.ticks.length > 5 ? "axis many" : "axis");
    for (const at of axis.ticks) add(scaleRow, "span", tick(at, axis.unit)).style.left = `${axis.at(at)}%`;
    return grid;
  }

  // Ratios with their intervals, the more to the left the better.
  function forest(parent, title, entries) {
    const known = entries.filter((e) => e.ratio);
    if (!known.length) {
      add(parent, "p", "There are too few rounds for intervals.", "soft");
      return;
    }
    const bound = (v) => Math.min(20, Math.max(0.05, v));
    const low = bound(Math.min(0.9, ...known.map((e) => e.ratio.low))), high = bound(Math.max(1.1, ...known.map((e) => e.ratio.high)));
    const axis = axisOf(low, high, "ratio", 6);
    const rows = [];
    let group;
    for (const entry of known) {
      if (entry.group !== undefined && entry.group !== group) rows.push({ group: group = entry.group });
      const { estimate, low: from, high: to } = entry.ratio;
      const tip = `${entry.name}: ${interval(entry.ratio)}`;
      rows.push({ name: entry.name, color: color(entry.index), verdict: entry.verdict,
                  text: `${estimate.toFixed(2)} [${from.toFixed(2)}, ${to.toFixed(2)}]`,
                  marks: [{ kind: "whisker", from, to, tip }, { kind: "end", from }, { kind: "end", from: to },
                          { kind: "dot", from: estimate, tip }] });
    }
    chart(parent, title, axis, rows, 1).classList.add("forest");
  }

  // The value that `share` of all values do not exceed.
  function quantile(histogram, count, share) {
    let seen = 0;
    for (const [value, times] of histogram) if ((seen += times) >= Math.max(1, Math.ceil(share * count - 1e-6))) return value;
    return histogram.at(-1)[0];
  }

  // One row for each variant: 1 to 99 % as a line, the middle half as a box, the median as a mark.
  function boxes(parent, title, entries, unit) {
    const known = entries.filter((e) => e.series.count).map((e) => ({
      ...e, at: [0.01, 0.25, 0.5, 0.75, 0.99].map((q) => quantile(e.series.histogram, e.series.count, q)) }));
    if (!known.length) return;
    const axis = axisOf(Math.min(...known.map((e) => e.at[0])), Math.max(...known.map((e) => e.at[4])), unit, 6);
    const rows = [];
    let group;
    for (const { name, group: its, index, at } of known) {
      if (its !== undefined && its !== group) rows.push({ group: group = its });
      const tip = `1 %: ${shown(at[0], unit)}, 25 %: ${shown(at[1], unit)}, median: ${shown(at[2], unit)}, 75 %: ${shown(at[3], unit)}, 99 %: ${shown(at[4], unit)}`;
      rows.push({ name, color: color(index), text: shown(at[2], unit),
                  marks: [{ kind: "whisker", from: at[0], to: at[4], tip }, { kind: "box", from: at[1], to: at[3], tip },
                          { kind: "mark", from: at[2], tip }] });
    }
    chart(parent, title, axis, rows).classList.add("boxes");
  }

  // What a start consists of, one bar for each variant.
  function phases(parent, workload) {
    const rows = [];
    let longest = 0;
    workload.results.forEach((series, index) => {
      let at = 0;
      const marks = [];
      workload.parts.forEach((part, number) => {
        const p50 = part.results[index].p50;
        if (p50 === null) return;
        marks.push({ kind: "phase", from: at, to: at + p50, paint: color(number + 1), tip: `${part.name}: ${shown(p50, workload.unit)}` });
        at += p50;
      });
      longest = Math.max(longest, at);
      if (marks.length) rows.push({ name: series.variant, text: shown(at, workload.unit), marks });
    });
    if (!rows.length) return;
    chart(parent, "What a start consists of (medians)", axisOf(0, longest, workload.unit, 6), rows).classList.add("phases");
    const legend = add(parent, "p", undefined, "soft");
    workload.parts.forEach((part, number) => {
      const entry = add(legend, "span", undefined, "entry");
      add(entry, "span", undefined, "key").style.background = color(number + 1);
      entry.append(part.name);
    });
  }

  const KEYS = [["p50", 0.5], ["p90", 0.1], ["p99", 0.01], ["p99_9", 0.001], ["max", 1]];
  const NAMES = { p50: "p50", p90: "p90", p99: "p99", p99_9: "p99.9", max: "max" };

  function cell(row, text, label, className) {
    const element = add(row, "td", text, className);
    if (label) element.dataset.label = label;
    if (text === "–") element.classList.add("none");
    return element;
  }

  function table(parent, workload, rows, first, keys, what) {
    const grid = add(parent, "table");
    const head = add(add(grid, "thead"), "tr");
    for (const title of [...first, "n", ...keys.map(([key]) => NAMES[key]), what, "verdict"]) add(head, "th", title);
    const body = add(grid, "tbody");
    for (const { names, series, index } of rows) {
      const row = add(body, "tr");
      names.forEach((name, at) => cell(row, name, first[at]));
      cell(row, String(series.count), "n");
      for (const [key, beyond] of keys) {
        const known = key === "p50" || series.count * beyond >= 1;
        cell(row, known ? shown(series[key], workload.unit) : "–", NAMES[key]);
      }
      cell(row, index === 0 ? "1" : interval(series.ratio), what);
      cell(row, index === 0 ? "(baseline)" : series.count ? series.text : "nothing was measured", "",
           index === 0 ? "" : series.verdict);
    }
  }

  // Values and shares: (value, share of all values up to it).
  function cumulated(histogram) {
    let total = 0;
    for (const [, count] of histogram) total += count;
    let sum = 0;
    return histogram.map(([value, count]) => [value, (sum += count) / total]);
  }

  function readable(low, high, unit) {
    const { ticks } = axisOf(low, high, unit, 6);
    return { tickvals: ticks, ticktext: ticks.map((v) => tick(v, unit)) };
  }

  function percentileCurve(workload) {
    const used = workload.results.map((series, index) => ({ series, index })).filter(({ series }) => series.count);
    const traces = used.map(({ series, index }) => {
      const x = [], y = [];
      let before = 0;
      for (const [value, share] of cumulated(series.histogram)) {
        // 1 / (1 - p): 10 at 90 %, 100 at 99 %. The largest value stands at one in all.
        x.push(1 / Math.max(1 - before, 1 / series.count));
        y.push(Math.max(value, 1));
        before = share;
      }
      return line(series.variant, index, { x, y, line: { shape: "hv" } });
    });
    const all = traces.flatMap((t) => [t.y[0], t.y.at(-1)]);
    return ["How long the slowest take", traces, {
      xaxis: { type: "log", title: "per cent that are faster", tickvals: [1, 2, 10, 100, 1000, 10000, 100000],
               ticktext: ["0", "50", "90", "99", "99.9", "99.99", "99.999"] },
      yaxis: { type: "log", ...readable(Math.min(...all), Math.max(...all, 2), workload.unit) },
    }];
  }

  function timeline(workload) {
    const used = workload.results.map((series, index) => ({ series, index })).filter(({ series }) => series.count);
    const traces = used.map(({ series, index }) => line(series.variant, index, {
      mode: "markers", x: series.blocks.map((b) => b.at_s), y: series.blocks.map((b) => b.p50) }));
    const most = Math.max(...traces.flatMap((t) => t.y), 1);
    return ["Median of each block, over the run", traces, {
      xaxis: { title: "seconds since the start of the run" }, yaxis: { rangemode: "tozero", ...readable(0, most, workload.unit) } }];
  }

  function line(name, index, rest) {
    return { name, type: "scatter", mode: "lines", ...rest, marker: { color: color(index), size: 6, symbol: index },
             line: { color: color(index), width: 2, dash: DASHES[index % DASHES.length], ...rest.line } };
  }

  function plot(parent, [title, traces, layout], low) {
    const element = add(parent, "div", undefined, low ? "plot low" : "plot");
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", title);
    plots.push({ element, title, traces, layout, low });
  }

  function draw(light) {
    const text = light ? "#1a1c1e" : "#e6e8ea", grid = light ? "#e3e5e8" : "#34383c";
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true };
    for (const { element, title, traces, layout, low } of plots) {
      Plotly.react(element, traces, {
        ...layout, title: { text: title, font: { size: 14 }, x: 0.02, xanchor: "left" }, font: { color: text, family: "system-ui, sans-serif" },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 20, r: 15, t: 40, b: 45 },
        showlegend: true, legend: { orientation: "h", y: low ? -0.65 : -0.28 },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: light ? "#8a8f94" : "#70767c", activecolor: text },
        xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
      }, { displaylogo: false, responsive: true, displayModeBar: innerWidth > 640 ? "hover" : false });
    }
  }

  const header = document.querySelector("header");
  add(header, "p", results.app, "app");
  if (!results.complete) add(header, "p", "These results are partial: the run was interrupted or lost a variant.", "note");
  for (const sentence of results.summary ?? []) add(header, "p", sentence, "lead");
  for (const variant of results.variants) if (variant.problem) add(header, "p", `Left out: ${variant.problem}`, "note");
  for (const warning of results.warnings) add(header, "p", warning, "note");
  if (results.command) add(header, "code", results.command);
  const m = results.machine, known = results.variants.find((v) => v.flet);
  add(header, "p", `${results.started}, fletbridge ${results.version}` +
      (known ? `, Flet ${known.flet}, Python ${known.python}` : "") +
      `; ${m.processors} × ${m.processor}, ${m.kernel}, governor ${m.governor ?? "unknown"}; ` +
      `${results.rounds} round${results.rounds === 1 ? "" : "s"} in ${results.seconds.toFixed(0)} s, ended by ${results.stopped_by}; seed ${results.seed}.`, "soft");
  function list(title, items) {
    if (!items.length) return;
    const more = add(header, "details");
    add(more, "summary", title);
    const all = add(more, "ul");
    for (const item of items) add(all, "li", item);
  }
  list("What would make it better", results.advice ?? []);
  list("What was clicked, and what was not", (results.clicks ?? []).map((choice) =>
      choice.left_out ? `never clicked: ${choice.control}: ${choice.left_out}` : `clicked: ${choice.control}`));
  list("What was not measured", (results.left_out ?? []).map((out) => `${out.workload}: ${out.why}`));

  const main = document.querySelector("main");
  const glance = add(main, "section");
  add(glance, "h2", "At a glance");
  add(glance, "p", `Ratios of medians to ${results.baseline}, with a 95 % interval from the rounds: the more to the left, the better. ` +
      `One that reaches the line at 1 shows no difference, nor does less than ${(results.margin * 100).toFixed(0)} %.`, "soft");
  forest(glance, "All workloads", results.workloads.flatMap((workload) => workload.results.map((series, index) => ({
    group: workload.name, name: series.variant, ratio: series.ratio, verdict: series.verdict, index }))));

  for (const workload of results.workloads) {
    const section = add(main, "section");
    add(section, "h2", workload.name);
    add(section, "p", workload.title, "soft");
    table(section, workload, workload.results.map((series, index) => ({ names: [series.variant], series, index })), [""], KEYS, "ratio of p50 [95 %]");
    const parts = workload.parts ?? [];
    if (!workload.pooled) add(section, "p", "The inputs take too unequal a time for percentiles of all together; the ratio is the geometric mean of theirs.", "soft");
    if (parts.length) {
      const of = (part, index) => part.name + (part.restless ? " *" : "");
      const rows = parts.flatMap((part) => part.results.map((series, index) => ({ names: [of(part), series.variant], series, index })));
      const start = parts.every((part) => part.written === null);
      // In a window they are times since the start, and overlap.
      if (start && results.ui === "desktop")
        boxes(section, "Since the start", parts.flatMap((part) => part.results.map((series, index) => ({ group: part.name, name: series.variant, series, index }))), workload.unit);
      else if (start) phases(section, workload);
      else forest(section, "Each input by itself; intervals that hold for all of them at once", parts.flatMap((part) => part.results.map((series, index) => ({
        group: of(part), name: series.variant, ratio: series.ratio, verdict: series.verdict, index }))));
      const more = add(section, "details");
      add(more, "summary", start ? "The phases in figures" : "The inputs in figures");
      table(more, workload, rows, [start ? "phase" : "input", "variant"], KEYS.filter(([key]) => key !== "p99_9"), "ratio of p50");
      if (parts.some((part) => part.restless)) add(section, "p", "* The page changes more than once after it.", "soft");
    }
    if (!workload.results.some((s) => s.count)) continue;
    const pooled = workload.pooled !== false;
    boxes(section, "Distribution: median, the middle half, and 1 to 99 %",
          pooled ? workload.results.map((series, index) => ({ name: series.variant, series, index }))
                 : parts.flatMap((part) => part.results.map((series, index) => ({ group: part.name, name: series.variant, series, index }))),
          workload.unit);
    const grid = add(section, "div", undefined, "plots");
    // One value a round: nothing has a shape yet.
    const single = workload.results.every((s) => s.blocks.every((b) => b.histogram.length === 1 && b.histogram[0][1] === 1));
    if (!single && pooled) plot(grid, percentileCurve(workload));
    plot(grid, timeline(workload), single);
  }

  draw(!dark.matches);
  dark.addEventListener("change", () => draw(!dark.matches));
  addEventListener("beforeprint", () => draw(true));
  addEventListener("afterprint", () => draw(!dark.matches));
  document.body.dataset.plots = String(plots.length);
})();
