import { expect, test } from "vitest";
import { foundOptions } from "../src/components/options-model";

const options = ["mega", "shop_0001", "shop_0002", "web_shop"].map((label) => ({ label }));

test("all options are offered while nothing is typed, a few at once", () => {
  expect(foundOptions(options, "", 3)).toEqual({ shown: options.slice(0, 3), left: 1 });
});

test("what begins with the text stands before what holds it", () => {
  expect(foundOptions([...options].reverse(), " Shop", 9).shown.map((one) => one.label)).toEqual(["shop_0002", "shop_0001", "web_shop"]);
});

test("of what is not there nothing is shown", () => {
  expect(foundOptions(options, "zebra", 3)).toEqual({ shown: [], left: 0 });
});
