"""The stages of the road, one file a stage; `pipeline.road` names their order."""
