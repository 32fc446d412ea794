/* Light or dark: what the system asks for, until the reader asks for the other. */

function offerTheme(button) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const label = () => (button.textContent = other() === "dark" ? "Dark" : "Light");
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = other();
    label();
  });
  dark.addEventListener("change", label);
  label();
  button.hidden = false;
}

offerTheme(document.getElementById("theme"));
