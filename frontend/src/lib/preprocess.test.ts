import { expect, test } from "vitest"
import { preprocessProblem, withField } from "./preprocess"

test("fields become one text, in one order, without what changes nothing", () => {
  const text = withField(withField(withField("", "resize", "32x32"), "scale", " 1/255 "), "color", "auto")
  expect(text).toBe("scale=1/255,resize=32x32")
  expect(withField(text, "mean", "0.5, 0.4, 0.3".replaceAll(" ", ""))).toBe("scale=1/255,mean=0.5:0.4:0.3,resize=32x32")
  expect(withField(text, "scale", "")).toBe("resize=32x32")
})

test("what the compiler would refuse is said at once", () => {
  expect(preprocessProblem("scale=1/255,mean=-0.5:.4:1e-3,std=2,resize=96x96,layout=chw")).toBeNull()
  for (const bad of ["scale=half", "mean=1:2:x", "resize=96", "color=pink"]) expect(preprocessProblem(bad)).not.toBeNull()
})
