// The contents are folded on narrow screens. On wide ones they mark the section that is being read.
{
  const contents = document.querySelector("#contents");
  const wide = window.matchMedia("(min-width: 75rem)");
  const fold = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();

  const links = [...contents.querySelectorAll("a")]; // a section has one for each question that it answers, and one more
  for (const link of links) link.addEventListener("click", fold);
  const mark = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links) link.removeAttribute("aria-current");
      for (const link of links) if (link.hash.slice(1) === target.id) link.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) mark.observe(section);

  // A link may lead to something that is folded.
  window.addEventListener("hashchange", () => {
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details")?.setAttribute("open", "");
  });
}
