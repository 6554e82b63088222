"""The stages of the demo, in the order of `slipway.demo.flow`."""
