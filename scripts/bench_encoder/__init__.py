"""Alike's encoder beside plain Python onnxruntime: speed, quality, the HTTP surface, memory."""
