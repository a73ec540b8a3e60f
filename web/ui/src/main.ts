import "@fontsource-variable/inter";
import "@fontsource-variable/newsreader";
import "./page.css";

import { mount } from "svelte";

import App from "./App.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no element #app");
mount(App, { target });
