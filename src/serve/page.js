// The page keeps the text it started from and the edits made since; each question carries both, so that the
// answer to the latest question is right whatever happened to the earlier ones.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const WAIT = 180;
  let opened = { name: "", folder: "", text: "", suggestion: "" };
  let base = "";
  let edits = new Map();
  let text = "";
  let atFirst = null;
  let asked = 0;
  let changed = 0;
  let timer = 0;
  let running = null;
  let shape = "";
  const defaults = new Map();

  const make = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const dollars = (usd) =>
    usd.toLocaleString("en-US", { style: "currency", currency: "USD", maximumFractionDigits: usd < 10 ? 2 : 0 });
  const state = (words) => {
    byId("state").textContent = words;
  };

  const post = async (where, body, signal) => {
    const answer = await fetch(where, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (!answer.ok && answer.status !== 409) throw new Error(await answer.text());
    return answer.json();
  };
  const gone = "no answer: is `burndown serve` still running?";

  // Edits in the order they were made: the one made again moves to the end.
  const edit = (field, value, wait = WAIT) => {
    edits.delete(field);
    edits.set(field, value);
    soon(wait);
  };
  const soon = (wait) => {
    changed += 1;
    clearTimeout(timer);
    timer = setTimeout(ask, wait);
  };

  const ask = async () => {
    const number = ++asked;
    const version = changed;
    running?.abort();
    running = new AbortController();
    state("computing");
    byId("report").setAttribute("aria-busy", "true");
    try {
      const question = { base, edits: [...edits].map(([field, value]) => ({ field, value })) };
      const answer = await post("plan", question, running.signal);
      if (number === asked) show(answer, version === changed);
    } catch (error) {
      if (error.name !== "AbortError" && number === asked) state(error instanceof TypeError ? gone : error.message);
    }
  };

  const show = (answer, isLatest) => {
    text = answer.text;
    const good = answer.problems.length === 0;
    if (isLatest && good) {
      base = answer.text;
      edits = new Map();
    }
    if (answer.form.groups.length > 0) showForm(answer.form, good);
    if (document.activeElement !== byId("text")) byId("text").value = text;
    showProblems(answer.problems);
    if (answer.shown) showReport(answer.shown);
    byId("report").classList.toggle("stale", !good);
    byId("report").removeAttribute("aria-busy");
    const same = text === opened.text;
    byId("reset").disabled = same;
    byId("save").disabled = !good;
    if (!good) state("not computed: the report is the last good one");
    else state(same ? "as in the file" : "up to date, not saved");
    showDifference();
  };

  const showReport = (shown) => {
    const old = byId("report");
    const open = [...old.querySelectorAll("details[id]")].map((node) => [node.id, node.open]);
    const template = make("template");
    template.innerHTML = shown.report;
    const report = template.content.querySelector("main");
    report.id = "report";
    report.classList.add("report-part");
    for (const [id, isOpen] of open) {
      const node = report.querySelector(`details[id="${CSS.escape(id)}"]`);
      if (node) node.open = isOpen;
    }
    old.replaceWith(report);
    window.burndown.init(report);
    atFirst ??= shown.month_usd;
    const least = shown.complete ? "" : "at least ";
    byId("bill").textContent = `${least}${dollars(shown.month_usd)} a month`;
    const by = shown.month_usd - atFirst;
    const share = atFirst > 0 ? `, ${by < 0 ? "−" : "+"}${Math.abs((100 * by) / atFirst).toFixed(1)} %` : "";
    byId("change").textContent =
      Math.abs(by) < 0.005 ? "" : `${by < 0 ? "−" : "+"}${dollars(Math.abs(by))}${share} against the file`;
  };

  const showProblems = (problems) => {
    for (const line of document.querySelectorAll(".line.wrong")) {
      line.classList.remove("wrong");
      line.querySelector(".says")?.remove();
      for (const node of line.querySelectorAll("input, select")) {
        node.removeAttribute("aria-invalid");
        node.removeAttribute("aria-describedby");
      }
    }
    const rest = [];
    for (const problem of problems) {
      const line = problem.field && document.querySelector(`.line[data-field="${CSS.escape(problem.field)}"]`);
      if (!line) {
        rest.push(problem.message);
        continue;
      }
      line.classList.add("wrong");
      line.closest("details")?.setAttribute("open", "");
      const id = `says-${problem.field.replaceAll(".", "-")}`;
      line.append(make("div", { className: "says", id, role: "alert", textContent: problem.message }));
      for (const node of line.querySelectorAll("input, select")) {
        node.setAttribute("aria-invalid", "true");
        node.setAttribute("aria-describedby", id);
      }
    }
    byId("problem").hidden = rest.length === 0;
    byId("problem").textContent = rest.join("\n\n");
  };

  // The form: built again when its inputs change, filled in place when only their values do.
  const showForm = (form, good) => {
    const now = JSON.stringify(
      form.groups.map((group) => [group.id, group.title, group.button, group.inputs.map(({ value, default: _, ...input }) => input)]),
    );
    if (now !== shape) {
      shape = now;
      buildForm(form);
    }
    for (const input of form.groups.flatMap((group) => group.inputs)) {
      // What counts where nothing is said is known of good texts only; the last one's stays meanwhile.
      if (good) defaults.set(input.id, input.default);
      fill({ ...input, default: defaults.get(input.id) ?? input.default });
    }
  };

  const buildForm = (form) => {
    const groups = byId("groups");
    const open = new Map([...groups.querySelectorAll("details")].map((node) => [node.dataset.id, node.open]));
    const focus = document.activeElement?.id;
    const many = form.groups.filter((group) => group.id.startsWith("route.")).length > 3;
    groups.replaceChildren(...form.groups.map((group) => buildGroup(group, many && group.id !== "route.0")));
    for (const node of groups.querySelectorAll("details")) {
      if (open.has(node.dataset.id)) node.open = open.get(node.dataset.id);
    }
    if (focus) byId(focus)?.focus();
  };

  const buildGroup = (group, closed) => {
    const plain = group.inputs.filter((input) => !input.more).map(buildLine);
    const rare = group.inputs.filter((input) => input.more).map(buildLine);
    const parts = [...plain];
    if (rare.length > 0) {
      const more = make("details", {}, make("summary", { textContent: "more" }), ...rare);
      more.dataset.id = `${group.id}.more`;
      more.firstChild.append(make("span", { className: "unseen", textContent: ` inputs of ${group.title}` }));
      parts.push(more);
    }
    if (group.button) {
      const [field, caption] = group.button;
      parts.push(make("button", { type: "button", textContent: caption, id: `b-${field}`, onclick: () => edit(field, "", 0) }));
    }
    if (!group.id.startsWith("route.")) {
      return make("fieldset", {}, make("legend", { textContent: group.title }), ...parts);
    }
    const node = make("details", { className: "route", open: !closed }, make("summary", { textContent: group.title }));
    node.dataset.id = group.id;
    const inside = make("fieldset", { ariaLabel: group.title }, ...parts);
    node.append(inside);
    return node;
  };

  const buildLine = (input) => {
    const line = make("div", { className: "line" });
    line.dataset.field = input.id;
    const id = `i-${input.id}`;
    if (input.control === "ticks") {
      const caption = make("span", { className: "caption", textContent: input.label, id: `${id}-caption` });
      const ticks = make("div", { className: "ticks", id, role: "group" });
      ticks.setAttribute("aria-labelledby", caption.id);
      for (const option of input.options) {
        const tick = make("input", { type: "checkbox", value: option, id: `${id}-${option}` });
        tick.onchange = () => {
          const ticked = [...ticks.querySelectorAll("input:checked")].map((node) => node.value);
          edit(input.id, ticked.join(", "));
        };
        ticks.append(make("label", {}, tick, option));
      }
      line.append(caption, ticks, make("span", { className: "caption default" }));
      return line;
    }
    const label = make("label", { textContent: input.label, htmlFor: id });
    let control;
    if (input.control === "choice") {
      control = make("select", { id });
      for (const option of ["", ...input.options]) control.append(make("option", { value: option, textContent: option }));
      control.onchange = () => edit(input.id, control.value, 0);
    } else {
      control = make("input", { type: "text", id, spellcheck: false });
      control.oninput = () => edit(input.id, control.value);
    }
    line.append(label, control);
    return line;
  };

  // What the person is typing in stays as typed.
  const fill = (input) => {
    const control = byId(`i-${input.id}`);
    if (!control) return;
    if (input.control === "ticks") {
      const ticked = input.value.split(",").map((part) => part.trim());
      for (const node of control.querySelectorAll("input")) node.checked = ticked.includes(node.value);
      control.parentNode.querySelector(".default").textContent =
        input.value === "" && input.default ? `none ticked: ${input.default}` : "";
      return;
    }
    if (input.control === "choice") {
      const none = control.options[0];
      none.textContent = input.default ? `default: ${input.default}` : "–";
      none.hidden = input.default === "" && input.value !== "";
    } else {
      control.placeholder = input.default;
    }
    if (document.activeElement !== control && !edits.has(input.id)) control.value = input.value;
  };

  const paint = (node, lines) => {
    const rows = lines.split("\n").map((line) => {
      const kind = line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "";
      return make("span", { className: kind, textContent: `${line}\n` });
    });
    node.replaceChildren(...rows);
  };
  const showDifference = async () => {
    if (text === opened.text) {
      byId("difference").textContent = "nothing yet";
      return;
    }
    if (!byId("as-change").open) return;
    const { difference } = await post("difference", { old: opened.text, new: text });
    paint(byId("difference"), difference);
  };

  // Saving: what is there is shown first; a file that exists wants a word.
  let target = null;
  let looks = 0;
  const look = async () => {
    const number = ++looks;
    const says = byId("save-says");
    byId("save-now").disabled = true;
    byId("save-confirm").checked = false;
    byId("save-confirm-line").hidden = true;
    target = null;
    let found;
    try {
      found = await post("target", { name: byId("save-name").value, text });
    } catch (error) {
      found = { problem: error instanceof TypeError ? gone : error.message };
    }
    if (number !== looks) return;
    says.classList.toggle("bad", Boolean(found.problem));
    if (found.problem) {
      says.textContent = found.problem;
      byId("save-difference").textContent = "";
      return;
    }
    target = found;
    const exists = found.replaces !== null;
    says.textContent = exists
      ? found.difference === "" ? `${found.path} says this already` : `${found.path} exists; it would change so:`
      : found.difference === "" ? `a new file, as ${opened.name} is` : `a new file; it differs from ${opened.name} so:`;
    byId("save-confirm-line").hidden = !exists;
    byId("save-now").disabled = exists;
    paint(byId("save-difference"), found.difference);
  };
  const save = async (event) => {
    event.preventDefault();
    if (!target || byId("save-now").disabled) return;
    byId("save-now").disabled = true;
    try {
      const saved = await post("save", { name: byId("save-name").value, text, replaces: target.replaces });
      if (saved.problem) {
        byId("save-says").classList.add("bad");
        byId("save-says").textContent = saved.problem;
        return;
      }
      byId("save-dialog").close();
      if (saved.name === opened.name) opened.text = text;
      byId("reset").disabled = text === opened.text;
      state(`saved: ${saved.path}`);
      showDifference();
    } catch (error) {
      byId("save-says").textContent = error instanceof TypeError ? gone : error.message;
    }
  };

  const start = async () => {
    try {
      const answer = await fetch("workload");
      if (!answer.ok) throw new Error(await answer.text());
      opened = await answer.json();
    } catch (error) {
      state(error instanceof TypeError ? gone : error.message);
      return;
    }
    base = text = opened.text;
    byId("save-folder").textContent = opened.folder;
    byId("inputs").onsubmit = (event) => event.preventDefault();
    byId("text").oninput = () => {
      base = byId("text").value;
      edits = new Map();
      soon(WAIT);
    };
    byId("as-change").ontoggle = showDifference;
    byId("reset").onclick = () => {
      base = opened.text;
      edits = new Map();
      byId("text").value = base;
      soon(0);
    };
    byId("save").onclick = () => {
      byId("save-name").value = opened.suggestion;
      byId("save-dialog").showModal();
      look();
    };
    let typing = 0;
    byId("save-name").oninput = () => {
      clearTimeout(typing);
      byId("save-now").disabled = true;
      typing = setTimeout(look, WAIT);
    };
    byId("save-confirm").onchange = () => {
      byId("save-now").disabled = !byId("save-confirm").checked;
    };
    byId("save-cancel").onclick = () => byId("save-dialog").close();
    byId("save-form").onsubmit = save;
    ask();
  };
  start();
})();
