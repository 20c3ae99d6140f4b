"""The road from reports and radiographs to an evaluated embedding: settings, lake, stages."""
