"""The road from report sources and radiographs to an evaluated embedding: settings, lake, stages."""
