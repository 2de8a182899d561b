// Shows the chosen response before and after training. Responses are set as text, never as HTML.
for (const browser of document.querySelectorAll(".browser")) {
  const cases = JSON.parse(browser.querySelector("script").textContent);
  const [model, reward, problem] = browser.querySelectorAll("select");

  const offer = (select, options) => {
    const chosen = select.value;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    if (options.some(([value]) => value === chosen)) select.value = chosen;
  };
  const names = (entries, key) => [...new Set(entries.map((entry) => entry[key]))].map((name) => [name, name]);

  const show = (side, answer, title) => {
    side.querySelector("h3").textContent = title;
    const verdict = side.querySelector(".verdict");
    verdict.className = `verdict ${answer.correct ? "right" : "wrong"}`;
    verdict.textContent = [
      answer.correct ? "✓ right" : "✗ wrong",
      answer.extracted === null ? "no answer found" : `answer ${answer.extracted}`,
      answer.has_code ? "with code" : "without code",
      answer.has_box ? "boxed" : "not boxed",
      ...(answer.truncated ? ["cut off at the length limit"] : []),
    ].join(" · ");
    side.querySelector("pre").replaceChildren(
      ...answer.pieces.map(([kind, text]) => {
        const piece = document.createElement(kind === "box" ? "mark" : "span");
        piece.className = kind;
        piece.textContent = text;
        return piece;
      }),
    );
  };

  const update = () => {
    offer(model, names(cases, "model"));
    const ofModel = cases.filter((entry) => entry.model === model.value);
    offer(reward, names(ofModel, "reward"));
    const ofReward = ofModel.filter((entry) => entry.reward === reward.value);
    offer(problem, ofReward.map((entry) => {
      const switched = entry.before.has_code === entry.after.has_code ? "" : " (strategy changed)";
      return [entry.id, `${entry.number}. ${entry.problem.slice(0, 60)}${switched}`];
    }));
    const shown = ofReward.find((entry) => entry.id === problem.value);
    browser.querySelector(".problem").textContent = shown.problem;
    browser.querySelector(".truth").textContent = `True answer: ${shown.answer}`;
    show(browser.querySelector(".before"), shown.before, "Before training");
    show(browser.querySelector(".after"), shown.after, `After step ${shown.after.step}, ${shown.reward}`);
  };

  for (const select of [model, reward, problem]) select.addEventListener("change", update);
  update();
  browser.previousElementSibling.hidden = true; // says that this did not run
  browser.hidden = false;
}
