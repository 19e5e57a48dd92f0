"""The platform's look: styles, icons and fonts that hub and competition both serve. No code."""
