// For what a browser writes out of a page after its script has run: all recommended rules, less its way of writing.
module.exports = {
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    // It writes hidden="" for hidden.
    "attribute-boolean-style": "off",
    "attribute-empty-style": "off",
  },
};
