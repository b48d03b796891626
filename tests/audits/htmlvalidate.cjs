// What html-validate looks for in a page as it was served: all recommended rules.
module.exports = {
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    // The standard takes both; the templates write <!doctype html>.
    "doctype-style": ["error", { style: "lowercase" }],
  },
};
