// Where the page starts.

import { library } from "./core.js";
import { Page } from "./page.js";

library.page = new Page(JSON.parse(document.getElementById("data").textContent));
library.page.start();
