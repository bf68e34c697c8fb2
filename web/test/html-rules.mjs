// The rules that every built page is held to with html-validate; each departure has its reason.

export const htmlRules = {
  root: true,
  extends: ["html-validate:recommended", "html-validate:a11y"],
  rules: {
    // We write the lower-case doctype, as GOV.UK Frontend does.
    "doctype-style": ["error", { style: "lowercase" }],
    // GOV.UK Frontend's button links and leave control are links that look like buttons.
    "prefer-native-element": ["error", { exclude: ["button"] }],
    // GOV.UK Frontend writes empty values out.
    "attribute-empty-style": "off",
    // Numbers do not break: `.app-tel` says so in the style sheet.
    "tel-non-breaking": "off",
    // Radios and checkboxes say autocomplete="off" too: the standard knows it for text only, and browsers keep both.
    "valid-autocomplete": "off",
    // GOV.UK Frontend's date input says that its fieldset is a group, for screen readers that do not know.
    "no-redundant-role": "off",
    "no-inline-style": "error",
    // The form is one document: each of its sections has a first heading, and one section is shown at a time.
    "heading-level": ["error", { allowMultipleH1: true }],
    "unique-landmark": "error",
    "no-dup-id": "error",
    "long-title": "error",
  },
};
