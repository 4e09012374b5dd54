"use strict";
// What the page does where scripts run. Without them it is one long document.
// `window.burndown.init(main)` fits out a `<main>`; a live page calls it again after it replaced the element.
(() => {
  const kept = { part: null, pools: new Map() };
  let root = null;

  const all = (selector, from = root) => [...from.querySelectorAll(selector)];
  const one = (selector, from = root) => from.querySelector(selector);

  // Numbers as the tables spell them.
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const money = (usd) => {
    const sign = usd < 0 ? "-" : "";
    const size = Math.abs(usd);
    return size > 0 && size < 10 ? `${sign}$${size.toFixed(2)}` : `${sign}$${grouped(Math.round(size))}`;
  };
  const percent = (share) => {
    const value = share * 100;
    if (value === 0) return "0 %";
    if (Math.abs(value) < 0.1) return "< 0.1 %";
    return `${value.toFixed(Math.abs(value) < 9.95 ? 1 : 0)} %`;
  };

  const say = (text) => {
    const place = document.getElementById("said");
    if (place) place.textContent = text;
  };

  // Tabs: the links of the navigation show one part at a time; addresses of anything inside a part open it.
  const parts = () => all("section.part");

  function show(id, focus = false) {
    if (!parts().some((part) => part.id === id)) return;
    kept.part = id;
    for (const part of parts()) {
      const open = part.id === id;
      // `until-found` lets the browser's search look into the closed parts; their boxes are there, empty.
      if (open) {
        part.removeAttribute("hidden");
        part.removeAttribute("aria-hidden");
      } else {
        part.setAttribute("hidden", "until-found");
        part.setAttribute("aria-hidden", "true");
      }
      const tab = one(`#tab-${part.id}`);
      tab.setAttribute("aria-selected", String(open));
      tab.tabIndex = open ? 0 : -1;
      if (open && focus) tab.focus();
      if (open) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  function open(fragment) {
    const target = fragment && document.getElementById(decodeURIComponent(fragment));
    const part = target && root.contains(target) && target.closest("section.part");
    if (!part) return false;
    show(part.id);
    if (target !== part) target.scrollIntoView();
    return true;
  }

  function tabs() {
    const list = one("ul.tabs");
    if (!list) return;
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", "Parts of the report");
    for (const item of list.children) item.setAttribute("role", "presentation");
    const links = all("a", list);
    links.forEach((link, at) => {
      const id = link.hash.slice(1);
      link.setAttribute("role", "tab");
      link.setAttribute("aria-controls", id);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        show(id);
        history.replaceState(null, "", `#${id}`);
      });
      link.addEventListener("keydown", (event) => {
        const last = links.length - 1;
        const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
        if (event.key === " ") link.click();
        else if (to === undefined) return;
        else {
          show(links[to].hash.slice(1), true);
          history.replaceState(null, "", links[to].hash);
        }
        event.preventDefault();
      });
    });
    for (const part of parts()) {
      part.setAttribute("role", "tabpanel");
      part.setAttribute("aria-labelledby", `tab-${part.id}`);
      part.addEventListener("beforematch", () => show(part.id));
    }
    const first = kept.part ?? parts()[0]?.id;
    if (kept.part || !open(location.hash.slice(1))) show(first);
  }

  // Sorting: by number where a column has any, else by words; what has no number comes last.
  function value(cell, numeric) {
    const text = cell.textContent.trim();
    if (!numeric) return text.toLowerCase();
    const found = text.replace(/,/g, "").match(/^[+]?(-?)\$?(-?\d+(\.\d+)?(e[-+]?\d+)?)/i);
    if (text.startsWith("<")) return 0;
    return found ? Number(found[1] + found[2]) : null;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const asFound = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      const numeric = head.classList.contains("n");
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", other === head ? next : "none");
        const sign = next === "descending" ? -1 : 1;
        const keyed = asFound.map((row) => [value(row.cells[column], numeric), row]);
        if (next !== "none") {
          keyed.sort(([a], [b]) => {
            if (a === null || b === null) return (a === null) - (b === null);
            return sign * (numeric ? a - b : a.localeCompare(b));
          });
        }
        body.append(...keyed.map(([, row]) => row));
        say(next === "none" ? "in the order of the report" : `sorted by ${button.textContent}, ${next}`);
      });
    });
  }

  // The GSU slider: moves along the counts that the plan has costed.
  const drawn = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, what] of Object.entries(attributes)) node.setAttribute(key, what);
    if (text !== undefined) node.textContent = text;
    return node;
  };

  function chooser(pool) {
    const box = one(".chooser", pool);
    if (!box) return;
    box.hidden = false;
    const numbers = JSON.parse(one("script.numbers", box).textContent);
    const range = one("input[type=range]", box);
    const radios = all(".terms input", box);
    const put = (name, text) => { one(`.${name}`, box).textContent = text; };

    const place = (gsu) => {
      const after = numbers.gsu.findIndex((count) => count >= gsu);
      return after < 0 ? numbers.gsu.length - 1 : after;
    };

    function show(told) {
      const at = Number(range.value);
      const chosen = radios.findIndex((radio) => radio.checked);
      const term = numbers.terms[chosen];
      const gsu = numbers.gsu[at];
      const fees = gsu * term.usd_per_gsu_month;
      const total = numbers.usd[at] + fees;
      const saving = numbers.paygo - total;
      put("gsu", grouped(gsu));
      put("total", money(total));
      put("saving", money(saving));
      put("fees", money(fees));
      put("paygo", money(numbers.usd[at]));
      put("left", percent(numbers.left[at]));
      put("bound", money(gsu * term.bound_usd_per_gsu));
      put("window", numbers.window[at] === null ? "–" : `${numbers.window[at]} s`);
      one(".saving", box).classList.toggle("plus", saving > 0);
      one(".saving", box).classList.toggle("minus", saving < 0);
      const words = `${grouped(gsu)} GSU for ${term.name}: ${money(total)} a month, saving ${money(saving)}, ${percent(numbers.left[at])} left to PayGo`;
      range.setAttribute("aria-valuetext", words);
      put("cheapest", `cheapest for ${term.name} (${grouped(term.gsu)})`);
      draw(at, term, words);
      kept.pools.set(pool.dataset.pool, { term: term.name, gsu });
      if (told) say(words);
    }

    function draw(at, term, words) {
      const picture = one("svg.curve", box);
      const totals = numbers.gsu.map((gsu, i) => numbers.usd[i] + gsu * term.usd_per_gsu_month);
      // Letters are larger on a narrow page, and so are the amounts beside the axis.
      const [left, right, top, bottom] = [window.innerWidth < 640 ? 104 : 64, 626, 16, 186];
      const last = numbers.gsu.at(-1) || 1;
      // Far beyond PayGo alone no one looks; the point itself is always in the picture.
      const ceiling = Math.max(numbers.paygo * 1.8, totals[at]);
      const most = Math.min(Math.max(...totals), ceiling) * 1.05;
      const x = (gsu) => left + ((right - left) * gsu) / last;
      const y = (usd) => bottom - ((bottom - top) * Math.min(usd, most)) / most;
      const end = totals.findLastIndex((usd) => usd <= most) + 1;
      const line = totals.slice(0, end).map((usd, i) => `${i ? "L" : "M"}${x(numbers.gsu[i]).toFixed(1)} ${y(usd).toFixed(1)}`);
      const none = y(numbers.paygo);
      const label = (usd) => drawn("text", { x: left - 8, y: y(usd) + 4, "text-anchor": "end" }, usd < 10000 ? money(usd) : `$${grouped(Math.round(usd / 1000))}k`);
      picture.replaceChildren(
        drawn("title", {}, `${term.name}: ${words}`),
        drawn("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
        drawn("line", { class: "flat", x1: left, x2: right, y1: none, y2: none }),
        label(0),
        label(numbers.paygo),
        ...(most > numbers.paygo * 1.25 ? [label(most / 1.05)] : []),
        drawn("text", { x: right, y: none - 6, "text-anchor": "end" }, "PayGo alone"),
        drawn("text", { x: left, y: bottom + 18, "text-anchor": "middle" }, "0"),
        drawn("text", { x: right, y: bottom + 18, "text-anchor": "end" }, `${grouped(last)} GSU`),
        drawn("text", { x: (left + right) / 2, y: bottom + 32, "text-anchor": "middle" }, "US dollars a month by GSU count"),
        drawn("path", { class: "line", d: line.join("") }),
        drawn("line", { class: "drop", x1: x(numbers.gsu[at]), x2: x(numbers.gsu[at]), y1: y(totals[at]), y2: bottom }),
        drawn("circle", { class: "here", cx: x(numbers.gsu[at]), cy: y(totals[at]), r: 6 }),
      );
      picture.setAttribute("aria-label", `Cost a month over the GSU count. ${words}`);
    }

    const before = kept.pools.get(pool.dataset.pool);
    if (before) {
      range.value = place(before.gsu);
      for (const [at, radio] of radios.entries()) {
        if (numbers.terms[at].name === before.term) radio.checked = true;
      }
    }
    range.addEventListener("input", () => show(false));
    radios.forEach((radio) => radio.addEventListener("change", () => show(true)));
    for (const button of all(".marks button", box)) {
      button.addEventListener("click", () => {
        const chosen = radios.findIndex((radio) => radio.checked);
        const gsu = button.dataset.gsu === undefined ? numbers.terms[chosen].gsu : Number(button.dataset.gsu);
        range.value = place(gsu);
        show(true);
      });
    }
    show(false);
  }

  // Copying: by the clipboard, else by a selection, else the reader does it.
  async function copy(button) {
    const text = button.dataset.copy;
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "unseen";
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
      button.focus();
    }
    if (!done) {
      const entry = button.closest("tr")?.querySelector(".entry");
      if (entry) getSelection().selectAllChildren(entry);
    }
    const before = button.dataset.label ?? button.textContent;
    button.dataset.label = before;
    button.textContent = done ? "Copied" : "Ctrl+C";
    say(done ? `copied ${text}` : "selected; press Ctrl+C to copy");
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  function copying() {
    for (const cell of all(".copying")) cell.hidden = false;
    for (const button of all("button.copy")) button.addEventListener("click", () => copy(button));
  }

  // The way home: where a number stands in plan.json, as a command. It goes with the next press or Escape, and moves
  // with its number.
  let home = null;
  let followed = null;

  function follow(number) {
    home?.remove();
    home = null;
    followed = number;
    if (!number) return;
    const place = number.dataset.at ?? number.dataset.pointer;
    home = document.createElement("div");
    home.className = "value home";
    home.textContent = `burndown explain plan.json ${place}`;
    document.body.append(home);
    beside();
    say(home.textContent);
  }

  function beside() {
    if (!home) return;
    if (!followed.isConnected) return follow(null);
    const spot = followed.getBoundingClientRect();
    const size = home.getBoundingClientRect();
    const above = spot.top - size.height - 6;
    home.style.left = `${Math.max(Math.min(spot.left, innerWidth - size.width - 4), 4)}px`;
    home.style.top = `${above > 0 ? above : spot.bottom + 6}px`;
  }

  addEventListener("pointerover", (event) => {
    const cell = event.target.closest?.("td[data-at]");
    if (cell && !cell.title) cell.title = `plan.json ${cell.dataset.at}`;
  });
  addEventListener("click", (event) => {
    if (home?.contains(event.target)) return;
    follow(event.target.closest?.("td[data-at], .figure[data-pointer]"));
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") follow(null); });
  addEventListener("scroll", beside, { capture: true, passive: true });

  // Values on charts: under the pointer, or by arrow keys while the chart has the focus.
  function values(figure) {
    const drawings = [".wide", ".narrow"].map((name) => one(name, figure));
    if (drawings.every((drawing) => !one(".spots", drawing))) return;
    const tip = document.createElement("div");
    tip.className = "value";
    tip.hidden = true;
    figure.append(tip);
    // The browser's own tooltip would stand on top of ours.
    const read = (spot) => {
      const title = one("title", spot);
      title?.remove();
      return title?.textContent ?? "";
    };
    const sets = drawings.map((drawing) => {
      const spots = all(".spots rect", drawing);
      return { drawing, spots, texts: spots.map(read) };
    });
    // One of the two is shown, which changes with the window.
    const shown = () => sets.find((set) => set.drawing.getClientRects().length > 0) ?? sets[0];
    let set = shown();
    let now = -1;
    const point = (at, aloud) => {
      if (set !== shown()) {
        set.spots[now]?.classList.remove("on");
        set = shown();
        now = -1;
      }
      const { spots, texts } = set;
      if (at === now) return;
      spots[now]?.classList.remove("on");
      now = at;
      tip.hidden = at < 0;
      if (at < 0) return;
      spots[at].classList.add("on");
      tip.textContent = texts[at];
      const spot = spots[at].getBoundingClientRect();
      const size = tip.getBoundingClientRect();
      const x = Math.min(Math.max(spot.left + spot.width / 2 - size.width / 2, 4), innerWidth - size.width - 4);
      const above = Math.max(spot.top, 0) - size.height - 6;
      tip.style.left = `${x}px`;
      tip.style.top = `${above > 0 ? above : Math.min(spot.bottom, innerHeight - size.height) + 6}px`;
      if (aloud) say(texts[at].replace(/\n/g, ", "));
    };
    figure.setAttribute("aria-label", `${figure.getAttribute("aria-label")}. Arrow keys read its values.`);
    figure.addEventListener("pointermove", (event) => point(shown().spots.indexOf(event.target), false));
    figure.addEventListener("pointerleave", () => point(-1, false));
    figure.addEventListener("blur", () => point(-1, false));
    figure.addEventListener("keydown", (event) => {
      const last = shown().spots.length - 1;
      const to = { ArrowRight: Math.min(now + 1, last), ArrowLeft: Math.max(now - 1, 0), Home: 0, End: last, Escape: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      point(to, true);
    });
  }

  function init(main) {
    root = main;
    tabs();
    all("table.sortable").forEach(sortable);
    all(".pool").forEach(chooser);
    copying();
    all("figure.chart").forEach(values);
  }

  addEventListener("hashchange", () => open(location.hash.slice(1)));
  // A link to where the address already points changes no address.
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.getAttribute("role") !== "tab" && link.hash === location.hash) open(link.hash.slice(1));
  });

  window.burndown = { init };
  const main = document.querySelector("main");
  if (main) init(main);
})();
