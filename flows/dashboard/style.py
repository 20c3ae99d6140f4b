"""The few rules of style that Streamlit has no setting for."""

STYLE = """<style>
.report { line-height: 1.7; max-width: 48rem; overflow-wrap: anywhere; }
.report h4 { margin: 1rem 0 0.25rem; text-transform: capitalize; font-size: 1rem; }
.mention { border-radius: 2px; padding: 0 1px; }
.cue { text-decoration: underline dotted 2px; text-underline-offset: 4px; }
</style>"""
