"use strict";
(() => {
  const block = document.getElementById("figures");
  if (!block || !window.echarts) return;
  const given = JSON.parse(block.textContent);
  const drawn = new Map();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const options = (chart, file, width) => {
    const dull = dark.matches && !file;
    const ink = dull ? "#e9e7e1" : "#1b2430", soft = dull ? "#36414c" : "#d9d6cd";
    const colours = dull ? ["#8cc4e3", "#ffb48c"] : ["#1f5673", "#c4581c"];
    const levels = dull ? ["#ff8a80", "#ffb48c", "#f2cd72", "#8cc4e3"] : ["#b3161b", "#c4581c", "#b98a00", "#1f5673"];
    const lying = chart.kind === "rows";
    const font = token("--sans");
    const room = Math.min(240, 0.42 * width, Math.max(...chart.names.map((name) => [...name].reduce((sum, sign) => sum + (sign > "\u2e7f" ? 13.5 : 7.6), 10))));
    const names = {
      type: "category", data: chart.names, inverse: lying, name: lying ? "" : chart.axis, nameLocation: "middle", nameGap: 30,
      axisLabel: lying ? { color: ink, fontSize: 13, width: room, overflow: "truncate", interval: 0 } : { color: ink, formatter: (day) => day.slice(5) },
      axisLine: { lineStyle: { color: soft } }, axisTick: { show: false }, nameTextStyle: { color: ink },
    };
    const values = {
      type: "value", minInterval: chart.key === "share" ? 0 : 1, name: chart.unit, nameLocation: "end", max: chart.key === "share" ? 100 : null,
      nameTextStyle: { color: ink }, axisLabel: { color: ink }, splitLine: { lineStyle: { color: soft } }, splitNumber: 4,
    };
    return {
      animation: false, color: colours, backgroundColor: file ? "#fff" : "transparent", textStyle: { fontFamily: font, fontSize: 13, color: ink },
      title: file ? { text: `${chart.title} (${chart.unit})`, textStyle: { fontFamily: font, fontSize: 17, color: ink }, left: 12, top: 8 } : undefined,
      legend: chart.series.length > 1 ? { top: file ? 38 : 0, right: 0, textStyle: { color: ink } } : undefined,
      grid: { left: lying ? room + 16 : 52, right: lying ? 56 : 24, top: (file ? 44 : 14) + (chart.series.length > 1 ? 26 : lying ? 0 : 18), bottom: lying ? 28 : 46 },
      tooltip: { trigger: "axis", axisPointer: { type: chart.kind === "line" ? "line" : "shadow" }, renderMode: "richText", confine: true },
      xAxis: lying ? values : names, yAxis: lying ? names : values,
      series: chart.series.map((one, place) => ({
        name: one.name, type: chart.kind === "line" ? "line" : "bar", barMaxWidth: 22, barGap: "10%", showSymbol: chart.names.length < 40,
        areaStyle: chart.kind === "line" ? { opacity: 0.12 } : undefined,
        data: one.values.map((value, row) => (chart.key === "urgency" ? { value, itemStyle: { color: levels[row] } } : value)),
        label: lying ? { show: true, position: "right", color: ink } : undefined, cursor: chart.links.some(Boolean) ? "pointer" : "default",
      })),
    };
  };

  const at = (chart) => document.querySelector(`[data-chart="${chart.key}"]`).clientWidth;
  const height = (chart) => (chart.kind === "rows" ? 50 + chart.names.length * (chart.series.length > 1 ? 46 : 32) + (chart.series.length > 1 ? 26 : 0) : 300);

  const draw = (chart) => {
    const place = document.querySelector(`[data-chart="${chart.key}"]`);
    if (!place) return;
    place.style.display = "block";
    place.style.height = `${height(chart)}px`;
    const picture = echarts.init(place, null, { renderer: "canvas" });
    picture.setOption(options(chart, false, at(chart)));
    picture.on("click", (event) => { const link = chart.links[event.dataIndex]; if (link) location.assign(link); });
    drawn.set(chart.key, picture);
    const button = document.querySelector(`[data-png="${chart.key}"]`);
    button.hidden = false;
    button.addEventListener("click", () => save(chart));
  };

  const save = (chart) => {
    const place = document.createElement("div");
    const picture = echarts.init(place, null, { renderer: "canvas", width: 960, height: height(chart) + 60 });
    picture.setOption(options(chart, true, 960));
    const link = document.createElement("a");
    link.href = picture.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: "#fff" });
    link.download = `${chart.key}.png`;
    link.click();
    picture.dispose();
  };

  given.charts.filter((chart) => chart.names.length).forEach(draw);
  const again = () => given.charts.forEach((chart) => {
    const picture = drawn.get(chart.key);
    if (picture) { picture.setOption(options(chart, false, at(chart))); picture.resize(); }
  });
  addEventListener("resize", again);
  dark.addEventListener("change", again);
})();
