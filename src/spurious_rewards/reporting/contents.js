// The contents: folded on narrow screens, and on wide ones the section that is being read is marked.
{
  const contents = document.querySelector("#contents");
  const wide = window.matchMedia("(min-width: 75rem)");
  const fold = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();

  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  for (const link of links.values()) link.addEventListener("click", fold);
  const mark = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) mark.observe(section);

  // What a link leads to may lie folded, and so does what is printed.
  window.addEventListener("hashchange", () => {
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details")?.setAttribute("open", "");
  });
}
