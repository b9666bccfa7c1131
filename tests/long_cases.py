# SPDX-License-Identifier: Apache-2.0
"""Cases of tests that take seconds, and that `make prove` runs.

Other cases of the same test are in `make test`, or smaller tests of its parts.
"""

__all__ = ['LONG']

_CASES = {
  'accelerator_test.py': {
    'test_losses_under_jax_are_those_of_tensorflow': ['----False'],
  },
  'at_rate_test.py': {'test_the_same_of_images_of_4x4': []},
  'causal_sampler_test.py': {
    'test_images_are_completed_from_their_first_rows': ['everywhere'],
    'test_in_float32_images_part_only_where_a_uniform_is_a_probability': [],
    'test_the_images_of_a_thousand_seeds_are_those_of_the_naive_loop': [],
    'test_the_images_are_those_of_the_naive_loop': [
      f'shape{number}-settings{number}' for number in (3, 4, 5)
    ],
  },
  'claims_test.py': {'test_one_run_alone_crashes_no_claim': []},
  'conditional_test.py': {
    'test_a_movable_model_is_that_at_each_beta': ['++v', '+-v', '-++'],
    'test_the_loss_of_a_step_is_that_of_its_betas': [
      *('-0.5-++v', '-0.5-+-v', '-0.5--++'),
    ],
  },
  'dense_curve_test.py': {
    'test_asked_at_once_or_later_is_the_same': [],
  },
  'docstring_test.py': {
    'test_an_example_runs': [
      'tfp_rd.decoder.autoregressive_bernoulli.AutoregressiveBernoulli',
      'tfp_rd.layer.distortion.distortion',
      'tfp_rd.layer.rate.StandardNormalRate',
      'tfp_rd.layer.rate.VampRate',
      'tfp_rd.model.conditional_model.ConditionalModel',
    ],
  },
  'evaluated_again_test.py': {
    'test_points_are_those_of_a_run_that_had_them_from_the_start': [
      *('another beta', 'draws', 'test', 'train'),
    ],
  },
  'extending_test.py': {
    'test_they_appear_in_evaluate_report_and_legend': [],
  },
  'fit_arguments_test.py': {
    'test_what_is_short_is_read_as_what_is_long': ['short1-long1'],
  },
  'layer_test.py': {
    'test_a_loaded_model_is_the_same': [
      *('functional-masked-reload_file', 'sequential-vamp-reload_file'),
      'sequential-vamp-reload_weights',
    ],
    'test_fit_trains_every_variable_and_lowers_the_loss': ['sequential-vamp'],
    'test_images_are_sampled_only_when_asked_for': [],
    'test_the_batch_size_is_no_factor': [],
    'test_the_loss_is_d_plus_weight_times_r_as_drawn': ['vamp-0', 'vamp-1.0'],
  },
  'masked_test.py': {
    'test_densities_maps_and_gradients_agree_in_a_graph_and_under_xla': [
      'inverted'
    ],
    'test_jacobians_of_the_solution_in_a_graph_are_those_of_the_inverse': [
      'case2'
    ],
  },
  'measure_run_test.py': {
    'test_runs_of_one_family_go_by_their_names': [],
    'test_the_report_has_whatever_was_measured': [],
  },
  'measure_test.py': {
    'test_another_encoder_loses_beta_times_its_divergence': ['0.3'],
  },
  'own_losses_test.py': {
    'test_the_moved_weights_are_those_of_the_loss_with_them': [
      f'{kind}-vamp' for kind in ('activity', 'add_loss', 'kernel')
    ],
  },
  'page_browser_test.py': {
    'test_a_foreign_image_is_caught_by_that_check': [],
    'test_an_address_of_nothing_shows_the_whole': [],
    'test_figures_of_a_dark_page_are_for_paper': [],
    'test_a_filter_leaves_out_its_points': ['decoder--', 'marginal-v'],
    'test_axe_finds_a_label_that_is_removed': [],
    'test_axe_finds_no_barrier': ['dark', 'phone'],
    'test_columns_are_sorted_as_numbers': ['R', 'beta'],
    'test_copies_hold_what_is_shown': [],
    'test_every_point_is_in_both_charts': [],
    'test_figures_are_saved': [],
    'test_objectives_are_a_filter_too': [],
    'test_clicking_chooses_a_point_in_the_address_and_the_table': [],
    'test_other_splits_units_and_sets_show_their_numbers': [],
    'test_the_slider_goes_along_a_curve': [],
    'test_the_table_is_reached_by_the_keyboard_alone': [],
    'test_what_is_at_work_is_said_and_reloading_can_be_stopped': [],
  },
  'part_graphs_test.py': {
    'test_eager_graph_and_xla_agree': [
      'decoder.pixel_cnn.PixelCNN-2',
      'encoder.inverse_autoregressive.InverseAutoregressive-2',
      'layer.InverseAutoregressive-0',
      'marginal.vamp.Vamp of a flow-2',
      'network.causal.CausalNetwork-2',
    ],
    'test_samples_of_a_graph_are_the_eager_ones_and_xla_has_some': [
      'decoder.pixel_cnn.PixelCNN',
      'decoder.pixel_cnn.PixelCNN as printed',
      'layer.AutoregressiveBernoulli',
    ],
  },
  'part_shapes_test.py': {
    'test_distributions_are_sliced_and_copied_as_tfp_s_are': [
      'decoder.pixel_cnn.PixelCNN-2'
    ],
    'test_shapes_and_densities_of_samples': [
      'decoder.pixel_cnn.PixelCNN-float32-2'
    ],
  },
  'pictures_test.py': {
    'test_a_beta_that_is_asked_for_later_has_the_same_pictures': [],
    'test_betas_that_were_halved_in_have_no_pictures': [],
  },
  'pixel_cnn_peer_test.py': {
    'test_samples_of_the_peer_are_not_of_its_density': [],
    'test_the_peer_passes_where_it_is_right': [],
  },
  'pixel_cnn_test.py': {
    'test_it_stays_a_probability_after_steps_and_under_averaged_weights': [
      f'shape1-{latent_input}-{optimizer}'
      for latent_input in ('everywhere', 'concatenated')
      for optimizer in ('adam_with_decay', 'sgd_with_momentum', 'rmsprop')
    ],
    'test_one_broken_tap_of_the_mask_is_caught': ['tap1'],
  },
  'players_test.py': {
    'test_only_the_parts_that_are_named_move': [
      *('decoder-++v', 'marginal-++v')
    ],
  },
  'program_test.py': {
    'test_xla_takes_the_same_steps_up_to_rounding': ['---'],
  },
  'readme_numbers_test.py': {'test_a_python_block_runs': ['2', '5']},
  'selection_test.py': {
    'test_the_best_weights_are_kept_whole_and_cut': ['last'],
  },
  'step_by_hand_test.py': {
    'test_a_step_is_adam_s_on_the_loss_of_its_draws': ['flow', 'target_rate'],
  },
  'stopped_test.py': {
    'test_typed_again_it_repeats_no_step_and_ends_bit_equal': ['2'],
  },
  'tensorboard_test.py': {
    'test_a_kill_before_the_end_is_made_good': [],
    'test_fit_writes_its_rows': [],
    'test_hparams_have_a_row_a_beta_of_a_curve': [],
    'test_rows_after_the_checkpoint_of_a_kill_are_not_drawn_twice': [],
    'test_summaries_change_no_number': [],
    'test_without_writing_anew_the_line_goes_back': [],
  },
  'train_test.py': {
    'test_a_run_that_was_cut_ends_as_one_that_was_not': [],
  },
  'vamp_chunks_test.py': {
    'test_chunks_change_neither_the_density_nor_any_gradient': ['eager', 'xla'],
    'test_chunks_of_a_flow_likewise': ['eager'],
    'test_chunks_of_conditions_likewise': [
      f'eager-shape{number}' for number in range(3)
    ],
  },
  'wiring_test.py': {
    'test_an_average_starts_with_the_weights_of_the_parent': [],
    'test_every_field_of_a_run_reaches_its_training': [
      *('architecture', 'dropout', 'learning_rate', 'weight_averaging')
    ],
  },
}
# File to the names of its long tests, with their case in brackets.
LONG = {
  file: {
    f'{test}[{case}]' if case else test
    for test, cases in tests.items()
    for case in cases or ['']
  }
  for file, tests in _CASES.items()
}
