"""From raw recordings to features: EEG voltages, streams and events of the eyes, electrocardiogram."""
