"""The few rules of style that Streamlit has no setting for."""

STYLE = """<style>
.report { line-height: 1.7; max-width: 48rem; overflow-wrap: anywhere; }
.report h4 { margin: 1rem 0 0.25rem; text-transform: capitalize; font-size: 1rem; }
.sentences { font-size: 1.2rem; border-left: 3px solid #0072B2; padding-left: 0.8rem; }
.sentences p { margin: 0 0 0.4rem; }
.mention { border-radius: 2px; padding: 0 1px; }
.cue { text-decoration: underline dotted 2px; text-underline-offset: 4px; }
</style>"""
