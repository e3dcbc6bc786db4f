"""Problems with tests made from source code by a model."""
