"""What a person touches: the command line and the app. The only package that knows Streamlit."""
