// Before anything is drawn: the theme and the language that were chosen here.
(function () {
  try {
    var theme = localStorage.getItem("hinomi.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    var language = localStorage.getItem("hinomi.language");
    if (language === "ja" || language === "en") document.documentElement.lang = language;
  } catch (e) { /* no storage: as the system has it */ }
})();
