"""The web application over the lake (Streamlit), and the page that a scheduled run leaves."""
