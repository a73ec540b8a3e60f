// Language, theme and address: what the whole page shares.

import { LANGUAGES, type LanguageCode, type Words } from "./words";

export { filled } from "./words";

function initialLanguage(): LanguageCode {
  const kept = localStorage.getItem("language");
  if (kept === "en" || kept === "fr") return kept;
  return navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
}

class Settings {
  language = $state<LanguageCode>(initialLanguage());
  dark = $state(initialDark());
  hash = $state(location.hash);
  words: Words = $derived(LANGUAGES[this.language]);

  setLanguage(language: LanguageCode): void {
    this.language = language;
    localStorage.setItem("language", language);
  }

  /** A day, as people of the browser's region write it in the page's language. */
  date(time: string): string {
    const region = navigator.languages.find((tag) => tag.toLowerCase().startsWith(this.language));
    return new Date(time).toLocaleDateString(region ?? this.language, { dateStyle: "medium" });
  }

  /** "5 minutes ago", "in 2 hours". */
  ago(time: string): string {
    const seconds = (new Date(time).getTime() - Date.now()) / 1000;
    if (Math.abs(seconds) < 45) return this.words.justNow;
    const told = new Intl.RelativeTimeFormat(this.language, { numeric: "auto" });
    const [unit, size] = Math.abs(seconds) < 2700 ? (["minute", 60] as const) : Math.abs(seconds) < 79200 ? (["hour", 3600] as const) : (["day", 86400] as const);
    return told.format(Math.round(seconds / size), unit);
  }

  setDark(dark: boolean): void {
    this.dark = dark;
    localStorage.setItem("theme", dark ? "dark" : "light");
  }
}

function initialDark(): boolean {
  const kept = localStorage.getItem("theme");
  return kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export const settings = new Settings();

addEventListener("hashchange", () => {
  settings.hash = location.hash;
});

/** `1 passage`, `2 passages`: the singular and the plural of a word stand beside each other, with a `|`. */
export function counted(count: number, word: string): string {
  const [one, many] = word.split("|");
  const singular = settings.language === "fr" ? count < 2 : count === 1;
  return `${count.toLocaleString(settings.language)} ${singular ? one : (many ?? one)}`;
}

/** `3 minutes`, as precise as an estimate deserves. */
export function duration(seconds: number): string {
  const words = settings.words;
  if (seconds < 60) return words.lessThanMinute;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? counted(minutes, words.minutes) : counted(Math.round(minutes / 60), words.hours);
}
